/* SPDX-License-Identifier: ISC */
/* The records of a transaction, one by one and table by table. */
#include "store/db/intact.h"

#include <lmdb.h>
#include <stdatomic.h>
#include <string.h>

static atomic_uint searches;

unsigned store_search(void)
{
    return atomic_load_explicit(&searches, memory_order_relaxed);
}

static void search_steps(void)
{
    atomic_fetch_add_explicit(&searches, 1, memory_order_relaxed);
}

static MDB_val mdb_key(const struct record_key *key)
{
    return (MDB_val){.mv_size = key->len, .mv_data = (void *)(uintptr_t)key->bytes};
}

static struct record_value value_of(const MDB_val *value)
{
    return (struct record_value){.data = value->mv_data, .len = value->mv_size};
}

int txn_get(struct txn *txn, enum table table, const struct record_key *key,
            struct record_value *ret_value)
{
    intact_path(txn, table, key, INTACT_READ);
    if (txn->code != 0)
        return txn->code;
    MDB_val k = mdb_key(key), value;
    search_steps();
    int rc = mdb_get(txn->mdb, txn->store->dbi[table], &k, &value);
    search_steps();
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return txn_fail_rc(txn, rc);
    *ret_value = value_of(&value);
    return 1;
}

static int put(struct txn *txn, enum table table, const struct record_key *key,
               const uint8_t *value, size_t len, unsigned flags)
{
    MDB_val k = mdb_key(key);
    MDB_val v = {.mv_size = len, .mv_data = (void *)(uintptr_t)value};
    return mdb_put(txn->mdb, txn->store->dbi[table], &k, &v, flags);
}

/* Keys of these tables mostly rise. MDB_APPEND puts a key that is above the last one on the last
   page and fills that page instead of splitting it in half. MDB_KEYEXIST: the key is not above the
   last one, and nothing was changed. */
static bool comes_in_order(enum table table)
{
    return table == TABLE_AUTH || table == TABLE_TOKENS || table == TABLE_ENTITIES ||
           table == TABLE_BY_ENTITY;
}

static void touch(struct txn *txn, enum table table, const struct record_key *key)
{
    if (txn->hooked && txn->code == 0)
        txn->store->hooks->touch(txn->store->hooks_arg, txn, table, key);
}

void txn_put(struct txn *txn, enum table table, const struct record_key *key, const uint8_t *value,
             size_t len)
{
    touch(txn, table, key);
    intact_path(txn, table, key, INTACT_PUT);
    if (comes_in_order(table))
        intact_path(txn, table, NULL, INTACT_PUT);
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
    touch(txn, table, key);
    intact_path(txn, table, NULL, INTACT_PUT);
    int rc = txn->code == 0 ? put(txn, table, key, value, len, MDB_APPEND) : 0;
    if (rc != 0)
        txn_fail_rc(txn, rc);
}

int txn_last(struct txn *txn, enum table table, struct record_key *ret_key,
             struct record_value *ret_value)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    intact_path(txn, table, NULL, INTACT_READ);
    if (txn->code != 0)
        return txn->code;
    int rc = mdb_cursor_open(txn->mdb, txn->store->dbi[table], &cursor);
    if (rc != 0)
        return txn_fail_rc(txn, rc);
    rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    mdb_cursor_close(cursor);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return txn_fail_rc(txn, rc);
    if (key.mv_size > sizeof ret_key->bytes)
        return txn_damaged(txn, table, "an overlong key");
    *ret_value = value_of(&value);
    ret_key->len = key.mv_size;
    memcpy(ret_key->bytes, key.mv_data, key.mv_size);
    return 1;
}

/* 1: deleted. 0: there is no such key. Negative: the transaction has failed. */
static int delete_key(struct txn *txn, enum table table, const struct record_key *key)
{
    touch(txn, table, key);
    intact_path(txn, table, key, INTACT_DELETE);
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
        txn_damaged(txn, table, "an item to remove");
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

void walk_begin_after(struct walk *ret_walk, struct txn *txn, enum table table,
                      const struct record_key *at)
{
    walk_begin(ret_walk, txn, table, at, 0);
    ret_walk->skips = at->len > 0;
}

/* Moves the cursor. False: there is no such record. */
static bool walk_move(struct walk *walk, MDB_val *key, MDB_cursor_op op)
{
    MDB_val value;
    search_steps();
    int rc = mdb_cursor_get(walk->cursor, key, &value, op);
    search_steps();
    if (rc == MDB_NOTFOUND) {
        intact_path(walk->txn, walk->table, NULL, INTACT_READ);
        return false;
    }
    if (rc != 0) {
        txn_fail_rc(walk->txn, rc);
        return false;
    }
    if (key->mv_size > sizeof walk->key.bytes) {
        txn_damaged(walk->txn, walk->table, "an overlong key");
        return false;
    }
    walk->value = value_of(&value);
    walk->key.len = key->mv_size;
    memcpy(walk->key.bytes, key->mv_data, key->mv_size);
    intact_path(walk->txn, walk->table, &walk->key, INTACT_READ);
    return walk->txn->code == 0;
}

/* Proves the path to the key with which a walk begins, or before which it ends. An empty key: the
   end of the table. */
static bool prove_bound(struct walk *walk, const struct record_key *key)
{
    intact_path(walk->txn, walk->table, key->len > 0 ? key : NULL, INTACT_READ);
    return walk->txn->code == 0;
}

static bool is_skipped(struct walk *walk)
{
    const bool skips = walk->skips;
    walk->skips = false;
    return skips && walk->key.len == walk->from.len &&
           memcmp(walk->key.bytes, walk->from.bytes, walk->key.len) == 0;
}

static void progress(struct txn *txn)
{
    if (txn->hooked && txn->code == 0)
        txn->store->hooks->progress(txn->store->hooks_arg, txn);
}

bool walk_next(struct walk *walk)
{
    progress(walk->txn);
    if (walk->txn->code != 0 || walk->cursor == NULL)
        return false;
    MDB_val key = mdb_key(&walk->from);
    MDB_cursor_op op = MDB_NEXT;
    if (!walk->started)
        op = walk->from.len == 0 ? MDB_FIRST : MDB_SET_RANGE;
    if (!walk->started && walk->from.len > 0 && !prove_bound(walk, &walk->from))
        return false;
    walk->started = true;
    if (!walk_move(walk, &key, op) || (is_skipped(walk) && !walk_move(walk, &key, MDB_NEXT)))
        return false;
    return walk->prefix == 0 || (walk->key.len >= walk->prefix &&
                                 memcmp(walk->key.bytes, walk->from.bytes, walk->prefix) == 0);
}

bool walk_last(struct walk *walk, const struct record_key *beyond)
{
    if (walk->txn->code != 0 || walk->cursor == NULL || !prove_bound(walk, beyond))
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
