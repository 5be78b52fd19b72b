/* SPDX-License-Identifier: ISC */
#include "store/db/older.h"

#include "store/db/schema1.h"

#include <lmdb.h>

int older_schema(struct store *store, unsigned *ret_schema, struct state_record *ret_state,
                 struct espt_error *err)
{
    MDB_txn *mdb;
    MDB_dbi main;
    struct state_record state;
    int code = db_begin_read(store, &mdb, err);
    if (code != 0)
        return code;
    int rc = mdb_dbi_open(mdb, NULL, 0, &main);
    struct record_key key = key_state();
    MDB_val k = {.mv_size = key.len, .mv_data = key.bytes}, v;
    if (rc == 0)
        rc = mdb_get(mdb, main, &k, &v);
    enum state_verdict verdict = rc == 0 ? state_decode(v.mv_data, v.mv_size, &state) : 0;
    *ret_schema = verdict == STATE_GOOD ? state.schema : STORE_SCHEMA;
    if (verdict == STATE_GOOD)
        *ret_state = state;
    if (verdict == STATE_OLDER)
        *ret_schema = state_schema(v.mv_data, v.mv_size);
    if (verdict == STATE_OLDER)
        verdict = schema1_state(v.mv_data, v.mv_size, ret_state) ? STATE_GOOD : STATE_DAMAGED;
    mdb_txn_abort(mdb);
    return verdict == STATE_GOOD ? 0 : db_fail_state(err, verdict, &store->config);
}

/* Converts every record of a table. */
static void convert(struct txn *txn, enum table table)
{
    struct record_key at = {0};
    uint8_t value[RECORD_MAX];
    size_t len = 0;
    while (txn->code == 0) {
        struct walk walk;
        walk_begin_after(&walk, txn, table, &at);
        const bool found = walk_next(&walk);
        if (found &&
            !schema1_convert(table, &walk.key, walk.value.data, walk.value.len, value, &len))
            txn_damaged(txn, table, "something");
        walk_end(&walk);
        if (!found)
            return;
        at = walk.key;
        txn_put(txn, table, &at, value, len);
    }
}

/* The main database of schema 2 has the same tables but these. */
int older_add_tables(struct MDB_txn *mdb)
{
    MDB_dbi dbi;
    return mdb_dbi_open(mdb, table_name(TABLE_NOTICES), MDB_CREATE | MDB_INTEGERKEY, &dbi);
}

static void open_tables(struct txn *txn)
{
    struct store *store = txn->store;
    int rc = mdb_dbi_open(txn->mdb, NULL, 0, &store->dbi[TABLE_STATE]);
    for (enum table t = TABLE_STATE + 1; rc == 0 && t < TABLE_COUNT; t++)
        rc = mdb_dbi_open(txn->mdb, table_name(t),
                          (t >= TABLE_FOREIGN ? MDB_CREATE : 0) |
                              (table_has_integer_key(t) ? MDB_INTEGERKEY : 0),
                          &store->dbi[t]);
    if (rc != 0)
        txn->code = db_fail(txn->err, rc, &store->config);
}

int older_begin(struct txn *ret_txn, struct store *store, unsigned from,
                const struct state_record *state, struct espt_error *err)
{
    struct txn txn = {.store = store, .writes = true, .err = err, .state = *state};
    int code = db_begin_write(store, &txn.mdb, err);
    if (code != 0)
        return code;
    if (state->transaction + 1 != mdb_txn_id(txn.mdb))
        txn_fail(&txn, ESPT_UNUSABLE,
                 "%s: another program than esp-tokenctl has written to the store; restore a backup",
                 store->config.store);
    open_tables(&txn);
    for (enum table t = TABLE_AUTH; t < TABLE_FOREIGN && from < STORE_SCHEMA_READ; t++)
        convert(&txn, t);
    *ret_txn = txn;
    return 0;
}
