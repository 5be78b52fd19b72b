/* SPDX-License-Identifier: ISC */
/* A write from begin to end; most commands that write are built on it. */
#ifndef ESPT_STORE_WRITING_H
#define ESPT_STORE_WRITING_H

#include "store/changes.h"

/* A write transaction and the list of its changes. Functions that create or change something, and
   the rules, fill the list. writing_end() applies all of it or nothing. */
struct writing {
    struct txn txn;
    struct changes changes;
};
ESPT_MUST_USE int writing_begin(struct writing *ret_writing, struct store *store,
                                struct espt_error *err);
/* Applies the list, appends it to the log and commits durably. If anything failed, nothing is
   changed. Returns the transaction's code. */
ESPT_MUST_USE int writing_end(struct writing *writing);
/* As writing_end(), if the caller has applied the list in parts (apply_from()). */
ESPT_MUST_USE int writing_end_applied(struct writing *writing);

#endif
