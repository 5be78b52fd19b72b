/* SPDX-License-Identifier: ISC */
/* The bytes of a snapshot; docs/journal-format.md lists them. */
#ifndef ESPT_FLEET_SNAPSHOT_FORM_H
#define ESPT_FLEET_SNAPSHOT_FORM_H

#include "fleet/snapshot.h"

#define SNAPSHOT_PIECE (4UL << 20) /* pieces end when the next record would make them longer */
#define SNAPSHOT_PIECES_MAX 1000000
#define SNAPSHOT_LABEL "esp-token journal snapshot" /* of the head's signature */
#define SNAPSHOT_HEAD_MAX 512                       /* without the hashes */

/* The name of a piece in the journal; `piece` -1: of the head. Names that begin with `edge-` are
   those of edges, so that a journal that has roles can tell them apart. */
void snapshot_name(const uint8_t id[static FLEET_ID_LEN], bool edge, int64_t piece,
                   char ret_name[static ESPT_JOURNAL_NAME_MAX + 1]);
/* Cuts the records of the transaction, for sites or for edges, into pieces; the log begins a new
   one, so that its first pieces stay the same while it grows. `put` is called with each piece. */
typedef int (*snapshot_piece_fn)(void *arg, const uint8_t *bytes, size_t len,
                                 struct espt_error *err);
ESPT_MUST_USE int snapshot_pieces(struct txn *txn, bool edge, snapshot_piece_fn put, void *arg,
                                  struct espt_error *err);
/* The records of one piece, of any origin. */
ESPT_MUST_USE int snapshot_piece_each(const uint8_t *bytes, size_t len, snapshot_fn fn, void *arg,
                                      struct espt_error *err);
/* The failure that the snapshot in the journal cannot be used. */
int snapshot_damaged(struct espt_error *err, const char *what);
size_t snapshot_encode_head(const struct fleet_snapshot *snapshot, uint8_t *out);

#endif
