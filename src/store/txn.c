#include "store/db.h"

#include "store/lock.h"
#include "store/rights.h"

#include <errno.h>
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

int txn_fail_rc(struct txn *txn, int rc)
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
    txn->code = db_begin_write(txn->store, &txn->mdb, txn->err);
}

static int judge(struct txn *ret_txn, struct txn *txn)
{
    if (txn->code == 0) {
        if (txn->writes)
            require_next_id(txn);
        read_state(txn);
        rights_take(txn);
    }
    if (txn->code != 0)
        txn_abort(txn);
    else
        *ret_txn = *txn;
    return txn->code;
}

static int begin(struct txn *ret_txn, struct store *store, bool writes, bool locked,
                 struct espt_error *err)
{
    struct txn txn = {.store = store, .writes = writes, .locked = locked, .err = err};
    if (writes)
        begin_write(&txn);
    else
        txn.code = db_begin_read(store, &txn.mdb, err);
    return judge(ret_txn, &txn);
}

bool txn_begin_beside(struct txn *ret_second, const struct txn *txn, struct espt_error *err)
{
    struct txn second = {.store = txn->store, .err = err};
    second.code = db_begin_beside(txn->store, &second.mdb, err);
    if (judge(ret_second, &second) != 0)
        return false;
    if (mdb_txn_id(ret_second->mdb) == mdb_txn_id(txn->mdb))
        return true;
    txn_abort(ret_second);
    return false;
}

static int judge_use(const struct store *store, struct espt_error *err)
{
    return !store->broken
               ? 0
               : espt_fail(err, ESPT_UNUSABLE, "%s: an earlier write failed; run the command again",
                           store->config.store);
}

int txn_may_write(const struct store *store, struct espt_error *err)
{
    return store->read_only ? espt_fail_file(err, store->config.store, EROFS, "") : 0;
}

int txn_begin(struct txn *ret_txn, struct store *store, bool writes, struct espt_error *err)
{
    int code = judge_use(store, err);
    if (code == 0 && writes)
        code = txn_may_write(store, err);
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
    if (code == 0)
        code = txn_may_write(store, err);
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
    db_stamp(&txn->state, txn->mdb);
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
