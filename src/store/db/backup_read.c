/* SPDX-License-Identifier: ISC */
/* Reads a backup in its place, without a restore: db_begin_backup(). */
#include "store/db/db.h"

#include <lmdb.h>
#include <stdio.h>

static int open_tables(struct store *store, MDB_txn *mdb)
{
    int rc = mdb_dbi_open(mdb, NULL, 0, &store->dbi[TABLE_STATE]);
    for (enum table t = TABLE_STATE + 1; rc == 0 && t < TABLE_COUNT; t++) {
        rc = mdb_dbi_open(mdb, table_name(t), table_has_integer_key(t) ? MDB_INTEGERKEY : 0,
                          &store->dbi[t]);
        if (rc == MDB_NOTFOUND && t == TABLE_NOTICES) /* schema 2 lacks it; no preview reads it */
            rc = 0;
    }
    return rc;
}

static bool is_read(struct txn *txn)
{
    txn->state.schema = 0;
    const enum state_verdict verdict =
        db_state(txn->mdb, txn->store->dbi[TABLE_STATE], &txn->state);
    return verdict == STATE_GOOD || txn->state.schema == STORE_SCHEMA_READ;
}

bool db_begin_backup(struct txn *ret_txn, struct store *store, const struct config *config,
                     const char *path, struct espt_error *err)
{
    *store = (struct store){.config = *config, .writer_fd = -1, .gate_fd = -1, .read_only = true};
    *ret_txn = (struct txn){.store = store, .err = err};
    snprintf(store->config.store, sizeof store->config.store, "%s", path);
    if (env_open(&store->env, &store->config, path, ENV_SNAPSHOT, err) != 0)
        return false;
    if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &ret_txn->mdb) == 0 &&
        open_tables(store, ret_txn->mdb) == 0 && is_read(ret_txn))
        return true;
    mdb_txn_abort(ret_txn->mdb); /* NULL is allowed */
    mdb_env_close(store->env);
    return false;
}

void db_end_backup(struct txn *txn)
{
    mdb_txn_abort(txn->mdb);
    mdb_env_close(txn->store->env);
}
