#include "store/db.h"

#include "store/lock.h"
#include "store/rights.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPLACED_TRIES 5

int txn_fail(struct txn *txn, int code, const char *format, ...)
{
    if (txn->code != 0)
        return txn->code;
    va_list args;
    va_start(args, format);
    txn->code = espt_vfail(txn->err, code, format, args);
    va_end(args);
    return txn->code;
}

int txn_forgive(struct txn *txn)
{
    const int code = txn->code;
    if (code == ESPT_USAGE || code == ESPT_MISSING || code == ESPT_REFUSED)
        txn->code = 0;
    return code;
}

static int txn_fail_rc(struct txn *txn, int rc)
{
    if (txn->code == 0)
        txn->code = db_fail(txn->err, rc, &txn->store->config);
    if (rc == MDB_PANIC)
        txn->store->broken = true;
    return txn->code;
}

int txn_damaged(struct txn *txn, enum table table, const char *subject)
{
    return txn_fail(txn, ESPT_UNUSABLE,
                    "%s: the record of %s in table %s is damaged or missing; look at it by "
                    "esp-tokenctl check, or restore a backup",
                    txn->store->config.store, subject, table_name(table));
}

static void read_state(struct txn *txn)
{
    if (txn->code != 0)
        return;
    enum state_verdict verdict = db_state(txn->mdb, txn->store->dbi[TABLE_STATE], &txn->state);
    if (verdict != STATE_GOOD)
        txn->code = db_fail_state(txn->err, verdict, &txn->store->config);
    else if ((txn->store->replaced = txn->state.closed))
        txn_fail(txn, ESPT_UNUSABLE, "%s: this store was replaced meanwhile; try again",
                 txn->store->config.store);
    else if (txn->state.transaction + (txn->writes ? 1 : 0) != mdb_txn_id(txn->mdb))
        txn_fail(txn, ESPT_UNUSABLE,
                 "%s: another program than esp-tokenctl has written to the store; restore a backup",
                 txn->store->config.store);
}

/* MUST 1: and that nobody slipped in all the same. */
static void require_next_id(struct txn *txn)
{
    MDB_envinfo info;
    int rc = mdb_env_info(txn->store->env, &info);
    if (rc != 0)
        txn_fail_rc(txn, rc);
    else if (mdb_txn_id(txn->mdb) != info.me_last_txnid + 1)
        txn_fail(txn, ESPT_UNUSABLE, "%s: two writers at once; nothing was changed; try again",
                 txn->store->config.store);
}

static void begin_write(struct txn *txn)
{
    txn->code = db_clear_dead(txn->store, txn->err);
    int rc = txn->code == 0 ? mdb_txn_begin(txn->store->env, NULL, 0, &txn->mdb) : 0;
    if (rc != 0)
        txn_fail_rc(txn, rc);
}

static int begin(struct txn *ret_txn, struct store *store, bool writes, bool locked,
                 struct espt_error *err)
{
    struct txn txn = {.store = store, .writes = writes, .locked = locked, .err = err};
    if (writes)
        begin_write(&txn);
    else
        txn.code = db_begin_read(store, &txn.mdb, err);
    if (txn.code == 0) {
        if (writes)
            require_next_id(&txn);
        read_state(&txn);
        rights_take(&txn);
    }
    if (txn.code != 0) {
        txn_abort(&txn);
        return txn.code;
    }
    *ret_txn = txn;
    return 0;
}

static int judge_use(const struct store *store, struct espt_error *err)
{
    return !store->broken
               ? 0
               : espt_fail(err, ESPT_UNUSABLE, "%s: an earlier write failed; run the command again",
                           store->config.store);
}

int txn_begin(struct txn *ret_txn, struct store *store, bool writes, struct espt_error *err)
{
    int code = judge_use(store, err);
    for (int tries = 0; code == 0; tries++) {
        if (writes)
            code = lock_take(store->writer_fd, &store->config.wait, err);
        if (code == 0)
            code = begin(ret_txn, store, writes, writes, err);
        if (!store->replaced || tries == REPLACED_TRIES)
            break;
        code = db_reopen(store, err);
    }
    return code;
}

int txn_begin_locked(struct txn *ret_txn, struct store *store, struct espt_error *err)
{
    int code = judge_use(store, err);
    return code == 0 ? begin(ret_txn, store, true, false, err) : code;
}

static void end(struct txn *txn)
{
    txn->mdb = NULL;
    if (txn->locked)
        lock_release(txn->store->writer_fd);
    txn->locked = txn->writes = false;
}

void txn_abort(struct txn *txn)
{
    if (txn->mdb != NULL)
        mdb_txn_abort(txn->mdb);
    end(txn);
}

uint64_t txn_entries(struct txn *txn, enum table table)
{
    MDB_stat stat;
    int rc = txn->code == 0 ? mdb_stat(txn->mdb, txn->store->dbi[table], &stat) : 0;
    if (rc != 0)
        txn_fail_rc(txn, rc);
    return txn->code == 0 ? stat.ms_entries : 0;
}

/* MUST 2 */
static void stamp(struct txn *txn)
{
    struct record_key key = key_state();
    uint8_t value[RECORD_MAX];
    txn->state.transaction = mdb_txn_id(txn->mdb);
    txn->state.revision++;
    txn->state.foreign = txn_entries(txn, TABLE_FOREIGN) > 0;
    txn_put(txn, TABLE_STATE, &key, value, state_encode(&txn->state, value));
}

/* LMDB answers a failed write of the meta page by putting the old transaction's number back, over
   the new roots: validators must take that for damage, and deny. One more transaction, which
   changes nothing, writes that page anew. Where the disk fails again, the next change does. */
static void heal(struct store *store)
{
    struct espt_error ignored;
    struct txn txn = {.store = store, .writes = true, .err = &ignored};
    if (db_reopen(store, &ignored) != 0)
        return;
    begin_write(&txn);
    read_state(&txn);
    if (txn.code == 0)
        stamp(&txn);
    if (txn.code != 0)
        mdb_txn_abort(txn.mdb); /* NULL is allowed */
    else if (mdb_txn_commit(txn.mdb) != 0)
        return;
}

static void hold_signals(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigprocmask(how, &set, NULL);
}

void store_said(void)
{
    hold_signals(SIG_UNBLOCK);
}

int txn_commit(struct txn *txn)
{
    const bool writes = txn->writes;
    if (writes)
        stamp(txn);
    if (txn->code != 0) {
        txn_abort(txn);
        return txn->code;
    }
    if (writes)
        hold_signals(SIG_BLOCK);
    int rc = mdb_txn_commit(txn->mdb);
    txn->store->wrote = txn->store->wrote || (writes && rc == 0);
    if (rc != 0) {
        txn_fail_rc(txn, rc);
        if (writes)
            heal(txn->store);
        txn->store->broken = true;
        store_said();
    }
    end(txn);
    return txn->code;
}

/* --- records --- */

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
