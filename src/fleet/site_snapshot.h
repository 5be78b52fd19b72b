/* SPDX-License-Identifier: ISC */
/*
 * What a later snapshot (edge_snapshot.h) has for sites: all records that the fleet shares, and the
 * log, in pieces that only the journal has. Their form is that of the first snapshot's pieces.
 * The index of the snapshot names them, so one proof and one signature cover both.
 *
 * MUST 1: nothing of a piece is used before its hash was compared with that in the index.
 */
#ifndef ESPT_FLEET_SITE_SNAPSHOT_H
#define ESPT_FLEET_SITE_SNAPSHOT_H

#include "fleet/edge_snapshot.h"
#include "fleet/snapshot.h"

/* Writes the state of the transaction to the journal. `known`: a snapshot that the journal is known
   to hold, whose pieces need not be written again; NULL: none. site_pieces_clear() frees *ret. */
ESPT_MUST_USE int site_snapshot_write(struct fleet *fleet, struct txn *txn,
                                      const struct edge_snapshot *known, struct site_pieces *ret,
                                      struct espt_error *err);
void site_pieces_clear(struct site_pieces *pieces);

/* As snapshot_each(). */
ESPT_MUST_USE int site_snapshot_each(struct fleet *fleet, const struct edge_snapshot *snapshot,
                                     snapshot_fn fn, void *arg, struct espt_error *err);
/* Reads back what the journal has, and compares the sum of the records with that of the entry. What
   `known` (NULL: nothing) holds of the log is not read again. */
ESPT_MUST_USE int site_snapshot_prove(struct fleet *fleet, const struct edge_snapshot *snapshot,
                                      const struct edge_snapshot *known, struct espt_error *err);

/* The name of a piece. */
void site_file_name(const struct edge_piece *piece,
                    char ret_name[static ESPT_JOURNAL_NAME_MAX + 1]);

#endif
