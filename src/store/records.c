/* Records within a transaction, one by one and table by table. */
#include "store/db.h"

#include <string.h>

static MDB_val mdb_key(const struct record_key *key)
{
    return (MDB_val){.mv_size = key->len, .mv_data = (void *)(uintptr_t)key->bytes};
}

int txn_get(struct txn *txn, enum table table, const struct record_key *key, MDB_val *ret_value)
{
    if (txn->code != 0)
        return txn->code;
    MDB_val k = mdb_key(key);
    int rc = mdb_get(txn->mdb, txn->store->dbi[table], &k, ret_value);
    if (rc == MDB_NOTFOUND)
        return 0;
    return rc == 0 ? 1 : txn_fail_rc(txn, rc);
}

static int put(struct txn *txn, enum table table, const struct record_key *key,
               const uint8_t *value, size_t len, unsigned flags)
{
    MDB_val k = mdb_key(key);
    MDB_val v = {.mv_size = len, .mv_data = (void *)(uintptr_t)value};
    return mdb_put(txn->mdb, txn->store->dbi[table], &k, &v, flags);
}

/* Keys that mostly come in order: where one is behind the last, its page is filled to the brim
   instead of split in halves. MDB_KEYEXIST: it is not, and nothing was touched. */
static bool comes_in_order(enum table table)
{
    return table == TABLE_AUTH || table == TABLE_TOKENS || table == TABLE_ENTITIES ||
           table == TABLE_BY_ENTITY;
}

void txn_put(struct txn *txn, enum table table, const struct record_key *key, const uint8_t *value,
             size_t len)
{
    if (txn->code != 0)
        return;
    int rc = comes_in_order(table) ? put(txn, table, key, value, len, MDB_APPEND) : MDB_KEYEXIST;
    if (rc == MDB_KEYEXIST)
        rc = put(txn, table, key, value, len, 0);
    if (rc != 0)
        txn_fail_rc(txn, rc);
}

void txn_append(struct txn *txn, enum table table, const struct record_key *key,
                const uint8_t *value, size_t len)
{
    int rc = txn->code == 0 ? put(txn, table, key, value, len, MDB_APPEND) : 0;
    if (rc != 0)
        txn_fail_rc(txn, rc);
}

int txn_last(struct txn *txn, enum table table, struct record_key *ret_key, MDB_val *ret_value)
{
    MDB_cursor *cursor;
    MDB_val key;
    if (txn->code != 0)
        return txn->code;
    int rc = mdb_cursor_open(txn->mdb, txn->store->dbi[table], &cursor);
    if (rc != 0)
        return txn_fail_rc(txn, rc);
    rc = mdb_cursor_get(cursor, &key, ret_value, MDB_LAST);
    mdb_cursor_close(cursor);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return txn_fail_rc(txn, rc);
    if (key.mv_size > sizeof ret_key->bytes)
        return txn_damaged(txn, table, "an overlong key");
    ret_key->len = key.mv_size;
    memcpy(ret_key->bytes, key.mv_data, key.mv_size);
    return 1;
}

/* 1 deleted, 0 not there, negative: the transaction has failed. */
static int delete_key(struct txn *txn, enum table table, const struct record_key *key)
{
    if (txn->code != 0)
        return txn->code;
    MDB_val k = mdb_key(key);
    int rc = mdb_del(txn->mdb, txn->store->dbi[table], &k, NULL);
    if (rc == MDB_NOTFOUND)
        return 0;
    return rc == 0 ? 1 : txn_fail_rc(txn, rc);
}

void txn_delete(struct txn *txn, enum table table, const struct record_key *key)
{
    if (delete_key(txn, table, key) == 0)
        txn_damaged(txn, table, "what is to be removed");
}

void txn_delete_if_there(struct txn *txn, enum table table, const struct record_key *key)
{
    delete_key(txn, table, key);
}

void walk_begin(struct walk *ret_walk, struct txn *txn, enum table table,
                const struct record_key *from, size_t prefix)
{
    *ret_walk = (struct walk){.txn = txn, .table = table, .prefix = prefix};
    if (from != NULL)
        ret_walk->from = *from;
    if (txn->code != 0)
        return;
    int rc = mdb_cursor_open(txn->mdb, txn->store->dbi[table], &ret_walk->cursor);
    if (rc != 0) {
        ret_walk->cursor = NULL;
        txn_fail_rc(txn, rc);
    }
}

/* Moves the cursor; false: there is no such record. */
static bool walk_move(struct walk *walk, MDB_val *key, MDB_cursor_op op)
{
    int rc = mdb_cursor_get(walk->cursor, key, &walk->value, op);
    if (rc == MDB_NOTFOUND)
        return false;
    if (rc != 0) {
        txn_fail_rc(walk->txn, rc);
        return false;
    }
    if (key->mv_size > sizeof walk->key.bytes) {
        txn_damaged(walk->txn, walk->table, "an overlong key");
        return false;
    }
    walk->key.len = key->mv_size;
    memcpy(walk->key.bytes, key->mv_data, key->mv_size);
    return true;
}

bool walk_next(struct walk *walk)
{
    if (walk->txn->code != 0 || walk->cursor == NULL)
        return false;
    MDB_val key = mdb_key(&walk->from);
    MDB_cursor_op op = MDB_NEXT;
    if (!walk->started)
        op = walk->from.len == 0 ? MDB_FIRST : MDB_SET_RANGE;
    walk->started = true;
    return walk_move(walk, &key, op) &&
           (walk->prefix == 0 || (walk->key.len >= walk->prefix &&
                                  memcmp(walk->key.bytes, walk->from.bytes, walk->prefix) == 0));
}

bool walk_last(struct walk *walk, const struct record_key *beyond)
{
    if (walk->txn->code != 0 || walk->cursor == NULL)
        return false;
    MDB_val key = mdb_key(beyond);
    if (beyond->len > 0 && walk_move(walk, &key, MDB_SET_RANGE))
        return walk_move(walk, &key, MDB_PREV);
    return walk->txn->code == 0 && walk_move(walk, &key, MDB_LAST);
}

void walk_end(struct walk *walk)
{
    if (walk->cursor != NULL)
        mdb_cursor_close(walk->cursor);
    walk->cursor = NULL;
}
