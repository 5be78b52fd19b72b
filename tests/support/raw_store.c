/* SPDX-License-Identifier: ISC */
/* Writes stores with liblmdb alone. */
#include "support/raw_store.h"

#include "common/record_bytes.h"
#include "support/support.h"

#include <fcntl.h>
#include <unistd.h>

/* Does not use ck_assert, which writes to Check's file each time, because callers are killed and
   run on a full disk. */
static void must(int rc)
{
    if (rc != MDB_SUCCESS)
        ck_abort_msg("liblmdb: %s", mdb_strerror(rc));
}

static MDB_val key_val(const struct record_key *key)
{
    return (MDB_val){.mv_size = key->len, .mv_data = (void *)(uintptr_t)key->bytes};
}

void raw_open(struct raw_store *ret_store, const char *path, unsigned env_flags)
{
    ret_store->id_for_nonce = false;
    ret_store->nonce = 0;
    must(mdb_env_create(&ret_store->env));
    must(mdb_env_set_maxdbs(ret_store->env, TABLE_COUNT));
    must(mdb_env_set_mapsize(ret_store->env, RAW_MAP_SIZE));
    must(mdb_env_open(ret_store->env, path, MDB_NOSUBDIR | MDB_NOTLS | env_flags, 0600));
    MDB_txn *txn = raw_begin(ret_store);
    must(mdb_dbi_open(txn, NULL, 0, &ret_store->dbi[TABLE_STATE]));
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++)
        must(mdb_dbi_open(txn, table_name(t),
                          MDB_CREATE | (table_has_integer_key(t) ? MDB_INTEGERKEY : 0),
                          &ret_store->dbi[t]));
    /* LMDB does not use up the id of a transaction that changes nothing */
    MDB_stat stat;
    must(mdb_stat(txn, ret_store->dbi[TABLE_STATE], &stat));
    if (stat.ms_entries < TABLE_COUNT)
        raw_commit(ret_store, txn);
    else
        must(mdb_txn_commit(txn));
}

void raw_close(struct raw_store *store)
{
    mdb_env_close(store->env);
}

MDB_txn *raw_begin(struct raw_store *store)
{
    MDB_txn *txn;
    must(mdb_txn_begin(store->env, NULL, 0, &txn));
    return txn;
}

bool raw_get(const struct raw_store *store, MDB_txn *txn, enum table table,
             const struct record_key *key, MDB_val *ret_value)
{
    MDB_val k = {.mv_size = key->len, .mv_data = (void *)(uintptr_t)key->bytes};
    return mdb_get(txn, store->dbi[table], &k, ret_value) == 0;
}

uint32_t raw_number_of(const struct raw_store *store, MDB_txn *txn, const char *entity)
{
    struct record_key key = key_name(entity, strlen(entity));
    MDB_val value;
    uint32_t number = 0;
    ck_assert(raw_get(store, txn, TABLE_NAMES, &key, &value) &&
              number_decode(&key, value.mv_data, value.mv_size, &number));
    return number;
}

void raw_put(const struct raw_store *store, MDB_txn *txn, enum table table,
             const struct record_key *key, const void *value, size_t len)
{
    MDB_val k = key_val(key), v = {.mv_size = len, .mv_data = (void *)(uintptr_t)value};
    must(mdb_put(txn, store->dbi[table], &k, &v, 0));
}

void raw_seal(enum table table, const struct record_key *key, uint8_t *value, size_t len)
{
    struct writer w = write_begin(value);
    if (table == TABLE_STATE) /* in every schema */
        value[0] = 2;
    w.len = len - RECORD_CHECKSUM_LEN;
    write_end(&w, table, key);
}

void raw_delete(const struct raw_store *store, MDB_txn *txn, enum table table,
                const struct record_key *key)
{
    MDB_val k = key_val(key);
    int rc = mdb_del(txn, store->dbi[table], &k, NULL);
    must(rc == MDB_NOTFOUND ? 0 : rc);
}

void raw_drop(const struct raw_store *store, MDB_txn *txn, enum table table)
{
    must(mdb_drop(txn, store->dbi[table], 0));
}

int raw_try_commit(const struct raw_store *store, MDB_txn *txn)
{
    size_t id = mdb_txn_id(txn);
    struct state_record state = {.transaction = id, .revision = id, .next_number = 1};
    if (store->id_for_nonce)
        state.nonce = id;
    else if (store->nonce != 0)
        state.nonce = store->nonce;
    else
        must(getentropy(&state.nonce, sizeof state.nonce));
    struct record_key key = key_state();
    uint8_t value[RECORD_MAX];
    raw_put(store, txn, TABLE_STATE, &key, value, state_encode(&state, value));
    return mdb_txn_commit(txn);
}

size_t raw_commit(const struct raw_store *store, MDB_txn *txn)
{
    size_t id = mdb_txn_id(txn);
    must(raw_try_commit(store, txn));
    return id;
}

int raw_reader(struct reader *ret_reader, const char *path, struct espt_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return reader_open(ret_reader, fd, path, RAW_MAP_SIZE, err);
}
