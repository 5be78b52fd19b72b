/* SPDX-License-Identifier: ISC */
/*
 * The first snapshot, which `fleet init` makes: the whole state before the first entry, in pieces,
 * for stores that join. Its head lists the hash of each piece, and the first site of the fleet
 * signs it. It is not an LMDB file: each record is checked by its decoder. edge_snapshot.h is about
 * later snapshots.
 *
 * There is one for sites, with all that the fleet shares and the log, and one for edges, with what
 * validators need.
 */
#ifndef ESPT_FLEET_SNAPSHOT_H
#define ESPT_FLEET_SNAPSHOT_H

#include "fleet/member.h"

struct fleet_snapshot {
    bool edge;                      /* for edges */
    struct fleet_position position; /* `sum` is over the records of this snapshot */
    uint64_t revision;
    uint32_t next_number;
    uint32_t pieces;
    uint8_t (*hashes)[FLEET_HASH_LEN]; /* of the pieces; owned */
};

/* Writes the state of the transaction, at `position`, to the journal: for sites or for edges. */
ESPT_MUST_USE int snapshot_write(struct fleet *fleet, struct txn *txn,
                                 const struct fleet_position *position, bool edge,
                                 struct espt_error *err);
/* Reads and verifies the head of the one that this member needs. snapshot_clear() frees it. */
ESPT_MUST_USE int snapshot_open(struct fleet *fleet, const struct fleet_trust *trust,
                                struct fleet_snapshot *ret, struct espt_error *err);
/* `fn` is called for each record, in order of table and key; the log comes last. A non-zero result
   stops and is returned. */
typedef int (*snapshot_fn)(void *arg, enum table table, const struct record_key *key,
                           const uint8_t *value, size_t len, struct espt_error *err);
ESPT_MUST_USE int snapshot_each(struct fleet *fleet, const struct fleet_snapshot *snapshot,
                                snapshot_fn fn, void *arg, struct espt_error *err);
void snapshot_clear(struct fleet_snapshot *snapshot);

#endif
