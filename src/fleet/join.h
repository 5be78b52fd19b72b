/* SPDX-License-Identifier: ISC */
/* What the files of src/fleet that put a snapshot into a store share. */
#ifndef ESPT_FLEET_JOIN_H
#define ESPT_FLEET_JOIN_H

#include "fleet/edge_snapshot.h"
#include "fleet/snapshot.h"
#include "fleet/sum.h"
#include "store/log.h"

/* --- join_records.c --- */
struct joining {
    struct fleet *fleet;
    struct txn *txn;
    struct log_head log;
    struct sums sums;
};
/* A snapshot_fn: checks the record, puts it, and adds it up. `arg` is a struct joining. */
int joining_put(void *arg, enum table table, const struct record_key *key, const uint8_t *value,
                size_t len, struct espt_error *err);
/* Whether the records have that sum, and the log ends at that entry. */
bool joining_fits(const struct joining *joining, uint64_t number,
                  const uint8_t sum[static FLEET_HASH_LEN]);
/* The failure that a snapshot holds what it cannot hold. */
int joining_refuse(struct espt_error *err);

/* --- join_newest.c --- */
/* 1: *ret is the snapshot that the journal's head names, and proves which sites may write. 0: the
   head names none. Negative: the transaction has failed. edge_snapshot_clear() frees it. */
int newest_open(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust,
                struct edge_snapshot *ret);
/* Requires that the journal has the entry of the snapshot, with the same sums. */
void newest_require_entry(struct fleet *fleet, struct txn *txn,
                          const struct edge_snapshot *snapshot);
/* Moves the store to the snapshot, whose records were put. */
void newest_position(struct txn *txn, const struct edge_snapshot *snapshot,
                     const struct fleet_position *before);
/* Whether the store is that of a member of this fleet already. */
bool joined_already(const struct txn *txn, const struct fleet_trust *trust);

/* --- join_site.c --- */
/* As edge_join(), at a site. */
bool site_join(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust);

#endif
