/* SPDX-License-Identifier: ISC */
/*
 * What the entity of `--as` may see of the audit log: what is about itself and its tokens, and as a
 * reseller what is about its customers and their tokens. `log --as` and the portal use it.
 *
 * MUST 1: a change is seen only if the entity belonged to `--as` when it was made, and still does,
 *         or did so when it was removed.
 * MUST 2: of a move from one reseller to another, neither reseller learns who the other one is: the
 *         change is hidden from both.
 * MUST 3: a note is seen only if an entity acted that belonged to `--as` then and still does.
 */
#ifndef ESPT_STORE_LOG_RIGHTS_H
#define ESPT_STORE_LOG_RIGHTS_H

#include "store/log.h"

/* Removes from the entry what is not for the entity of `--as`: the accounts of the platform's
   people. Sets `acting` and `person`. Call log_history_follow() first. */
void log_rights_limit(struct txn *txn, struct log_entry *entry);

#endif
