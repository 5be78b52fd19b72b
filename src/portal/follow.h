/* SPDX-License-Identifier: ISC */
/* Reads what the audit log has gained, across a restore. */
#ifndef ESPT_PORTAL_FOLLOW_H
#define ESPT_PORTAL_FOLLOW_H

#include "store/store.h"

/* Calls `fn` for each entry after *head, in order, and moves *head. If the log does not contain
   *head, because the store was restored, `restart` is called, and then `fn` for every entry of the
   log. `fn` returns 0. Lifts the limit of store_as(). On failure *head has moved as far as `fn` was
   called. */
ESPT_MUST_USE int follow_log(struct store *store, struct log_head *head, log_fn fn,
                             void (*restart)(void *arg), void *arg, struct espt_error *err);

#endif
