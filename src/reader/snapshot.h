/* SPDX-License-Identifier: ISC */
/* The beginning of a snapshot, and the roots of its tables, which are in the main database. */
#ifndef ESPT_READER_SNAPSHOT_H
#define ESPT_READER_SNAPSHOT_H

#include "reader/page.h"

/* reader_begin() */
ESPT_MUST_USE enum reader_status snapshot_begin(struct snapshot *ret_snapshot,
                                                struct reader *reader);
/* Finds the root of a table. OK; NONE: the table is empty; CORRUPT or BEYOND. `ret_tree` is set on
   OK and NONE. */
ESPT_MUST_USE enum reader_status snapshot_table(struct snapshot *snapshot, enum table table,
                                                struct tree *ret_tree);

#endif
