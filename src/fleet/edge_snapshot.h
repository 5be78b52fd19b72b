/* SPDX-License-Identifier: ISC */
/*
 * A later snapshot, which the publisher makes: the records that validators need, as they were at
 * one entry, in pieces. A new edge begins with it, and so does an edge whose next entry the journal
 * no longer has. It is in the journal and in the publisher's feed, under names that hold its
 * hashes. The head of the fleet names its index. In the journal, the index also names what only
 * sites need (site_snapshot.h). docs/journal-format.md lists the bytes.
 *
 * The trust file is enough to verify the index, which holds the entries that changed the list of
 * sites, each signed by a site that could write before it, the first by the key of the trust file.
 * So it proves which sites may write, and one of them has signed the index.
 *
 * MUST 1: nothing of a piece is used before its hash was compared with that in the index.
 * MUST 2: a piece holds puts of the edge part alone, in the order of ops.h over all pieces.
 */
#ifndef ESPT_FLEET_EDGE_SNAPSHOT_H
#define ESPT_FLEET_EDGE_SNAPSHOT_H

#include "fleet/head.h"
#include "fleet/member.h"
#include "fleet/ops.h"

/* Where the files of a snapshot are. NAME has the form of a journal's names. */
struct edge_files {
    void *arg;
    /* 1: found; 0: there is none. The bytes are valid until the next call. */
    int (*get)(void *arg, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
               struct espt_error *err);
    int (*put)(void *arg, const char *name, const uint8_t *bytes, size_t len,
               struct espt_error *err);
};
/* The files of the fleet's journal; `fleet` must outlive the result. */
struct edge_files edge_files_of(struct fleet *fleet);

struct edge_snapshot {
    struct fleet_position position; /* `head` and `fresh` are 0 */
    uint64_t revision;
    uint32_t next_number;
    int64_t time;                 /* of the last entry; Unix seconds */
    char site[SITE_NAME_MAX + 1]; /* that signed */
    struct sites sites;           /* those that may write at the position, with keys */
    struct edge_piece {
        uint32_t len;
        uint8_t hash[FLEET_HASH_LEN];
    } * pieces; /* owned */
    uint32_t count;
    struct edge_piece *site_pieces; /* of site_snapshot.h; in the memory of `pieces` */
    uint32_t site_count;            /* 0: there is none for sites */
    uint32_t site_records;          /* how many of them hold records; the others hold the log */
    uint8_t *index;                 /* the bytes; owned */
    size_t len;
    const uint8_t *changes; /* of the list of sites, in the index */
    size_t changes_len;
    uint32_t change_count;
};

/* Reads and verifies the index. edge_snapshot_clear() frees it, and may be called again. */
ESPT_MUST_USE int edge_snapshot_open(struct edge_snapshot *ret, const struct edge_files *files,
                                     const struct head_snapshot *which,
                                     const struct fleet_trust *trust, struct espt_error *err);
/* `fn` is called for each record, an OP_PUT. A non-zero result stops and is returned. The caller
   compares the sum of what it was given with snapshot->position.edge_sum. */
typedef int (*edge_record_fn)(void *arg, const struct op *op, struct espt_error *err);
ESPT_MUST_USE int edge_snapshot_each(const struct edge_snapshot *snapshot,
                                     const struct edge_files *files, edge_record_fn fn, void *arg,
                                     struct espt_error *err);
/* Reads every piece and compares the sum of the records with snapshot->position.edge_sum. Stores
   nothing. */
ESPT_MUST_USE int edge_snapshot_prove(const struct edge_snapshot *snapshot,
                                      const struct edge_files *files, struct espt_error *err);
void edge_snapshot_clear(struct edge_snapshot *snapshot);

/* Writes the state of the transaction, which stands at an entry of the fleet, and signs it. The key
   is loaded. `before`: a snapshot that holds the older changes of the list of sites, which the
   journal may have lost; NULL: there is none. `for_sites`: the pieces that site_snapshot_write()
   has made of the same state; NULL: none. */
struct site_pieces {
    struct edge_piece *items; /* owned */
    uint32_t count, records;
};
ESPT_MUST_USE int edge_snapshot_write(struct fleet *fleet, struct txn *txn,
                                      const struct edge_snapshot *before,
                                      const struct site_pieces *for_sites,
                                      const struct edge_files *files, struct head_snapshot *ret,
                                      struct espt_error *err);

/* The changes of the list of sites, which the index proves, in their order. */
struct site_changes {
    const struct edge_snapshot *snapshot;
    size_t at;                 /* in snapshot->changes */
    uint64_t number;           /* of the entry that made the change; 0: before the first */
    struct site_change change; /* `before` is the change before it of a site */
};
static inline struct site_changes site_changes_of(const struct edge_snapshot *snapshot)
{
    return (struct site_changes){.snapshot = snapshot};
}
bool site_changes_next(struct site_changes *changes);

/* The name of an index or a piece, which says its length and hash. */
void edge_file_name(uint32_t len, const uint8_t hash[static FLEET_HASH_LEN],
                    char ret_name[static ESPT_JOURNAL_NAME_MAX + 1]);

#endif
