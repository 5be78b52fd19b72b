/* SPDX-License-Identifier: ISC */
/* The tables of a store around a snapshot that is put in place of its records. */
#include "fleet/member.h"
#include "fleet/sum.h"

void join_clear(struct txn *txn)
{
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        if (table_shared(t) || t == TABLE_LOG)
            txn_clear(txn, t, NULL, NULL);
    }
}

static bool has_token(void *arg, const struct record_key *key)
{
    struct record_value value;
    return txn_get(arg, TABLE_AUTH, key, &value) > 0;
}

void join_tidy(struct txn *txn)
{
    txn_clear(txn, TABLE_USAGE, has_token, txn);
    txn_clear(txn, TABLE_NOTICES, has_token, txn);
}
