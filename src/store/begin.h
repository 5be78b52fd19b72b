/* SPDX-License-Identifier: ISC */
/*
 * Begins each transaction that the store's rules use. The rights of the entity of `--as`
 * (rights.h) are loaded within that transaction.
 */
#ifndef ESPT_STORE_BEGIN_H
#define ESPT_STORE_BEGIN_H

#include "store/db/db.h"

/* As txn_begin() and txn_begin_locked(). ESPT_MISSING if the entity of `--as` does not exist,
   ESPT_REFUSED if it or its reseller is inactive. */
ESPT_MUST_USE int store_begin(struct txn *ret_txn, struct store *store, bool writes,
                              struct espt_error *err);
ESPT_MUST_USE int store_begin_locked(struct txn *ret_txn, struct store *store,
                                     struct espt_error *err);
/* The same for writes of what each machine of a fleet keeps for itself, such as use counts. The
   fleet's journal takes no part in such a transaction. `locked`: the caller holds the lock. */
ESPT_MUST_USE int store_begin_local(struct txn *ret_txn, struct store *store, bool locked,
                                    struct espt_error *err);

#endif
