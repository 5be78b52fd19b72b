/* SPDX-License-Identifier: ISC */
#include "store/begin.h"

#include "store/rights.h"

static int load_rights(struct txn *ret_txn, struct txn *txn)
{
    rights_load(txn);
    if (txn->code != 0) {
        txn_abort(txn);
        return txn->code;
    }
    *ret_txn = *txn;
    return 0;
}

int store_begin(struct txn *ret_txn, struct store *store, bool writes, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, writes, err);
    return code == 0 ? load_rights(ret_txn, &txn) : code;
}

int store_begin_locked(struct txn *ret_txn, struct store *store, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin_locked(&txn, store, err);
    return code == 0 ? load_rights(ret_txn, &txn) : code;
}

int store_begin_local(struct txn *ret_txn, struct store *store, bool locked, struct espt_error *err)
{
    const bool local = store->local;
    store->local = true;
    int code =
        locked ? store_begin_locked(ret_txn, store, err) : store_begin(ret_txn, store, true, err);
    store->local = local;
    return code;
}
