/* SPDX-License-Identifier: ISC */
/* Transactions: begin, check, stamp and commit. */
#include "store/db/db.h"

#include "store/db/intact.h"
#include "store/db/lock.h"

#include <errno.h>
#include <lmdb.h>
#include <signal.h>

#define REPLACED_TRIES 5

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
    txn->store->edge = txn->code == 0 && txn->state.edge;
}

/* MUST 1: checks that no other writer has committed despite the lock. */
static void require_next_id(struct txn *txn)
{
    MDB_envinfo info;
    int rc = mdb_env_info(txn->store->env, &info);
    if (rc != 0)
        txn_fail_rc(txn, rc);
    else if (mdb_txn_id(txn->mdb) != info.me_last_txnid + 1)
        txn_fail(txn, ESPT_UNUSABLE,
                 "%s: another writer committed without the writers' lock; nothing was changed; do "
                 "not write to the store with other programs, and try again",
                 txn->store->config.store);
}

static void begin_write(struct txn *txn)
{
    txn->code = db_begin_write(txn->store, &txn->mdb, txn->err);
}

/* A store of a fleet changes by the fleet's journal alone. A file that no other process opens
   (db_open_private()) is no longer that store. */
static void require_hooks(struct txn *txn)
{
    struct store *store = txn->store;
    if (txn->code != 0 || !txn->writes || store->local || store->alone)
        return;
    txn->hooked = store->hooks != NULL;
    if (txn->hooked)
        store->hooks->begun(store->hooks_arg, txn);
    else if (txn->state.fleet)
        txn_fail(txn, ESPT_REFUSED,
                 "%s: this store belongs to a fleet, and the configuration has no [fleet]; nothing "
                 "was changed; add the section, or run the command at a site",
                 store->config.store);
}

static int finish_begin(struct txn *ret_txn, struct txn *txn)
{
    if (txn->code == 0) {
        if (txn->writes)
            require_next_id(txn);
        read_state(txn);
        if (txn->writes)
            intact_begin(txn);
        require_hooks(txn);
    }
    if (txn->code != 0) {
        txn_abort(txn);
        return txn->code;
    }
    txn->counted = true;
    txn->store->transactions++;
    *ret_txn = *txn;
    return 0;
}

static int begin(struct txn *ret_txn, struct store *store, bool writes, bool locked,
                 struct espt_error *err)
{
    struct txn txn = {.store = store,
                      .writes = writes,
                      .locked = locked,
                      .err = err,
                      .limited = store->as[0] != '\0'};
    if (writes)
        begin_write(&txn);
    else
        txn.code = db_begin_read(store, &txn.mdb, err);
    return finish_begin(ret_txn, &txn);
}

static int require_usable(struct store *store, bool writes, struct espt_error *err)
{
    if (store->broken)
        return espt_fail(err, ESPT_UNUSABLE, "%s: an earlier write failed; run the command again",
                         store->config.store);
    const bool copy =
        writes && private_copy_open(&store->copy); /* a copy was read because there was no slot */
    return store->env == NULL || copy ? db_wake(store, err) : 0; /* also after store_rest() */
}

int txn_may_write(const struct store *store, struct espt_error *err)
{
    return store->read_only ? espt_fail_file(err, store->config.store, EROFS, "") : 0;
}

static int before(struct store *store, bool locked, struct espt_error *err)
{
    return store->hooks != NULL && !store->local && !store->alone
               ? store->hooks->before(store->hooks_arg, store, locked, err)
               : 0;
}

int txn_begin(struct txn *ret_txn, struct store *store, bool writes, struct espt_error *err)
{
    int code = require_usable(store, writes, err);
    if (code == 0 && writes)
        code = txn_may_write(store, err);
    if (code == 0 && writes)
        code = before(store, false, err);
    for (int tries = 0; code == 0; tries++) {
        const bool locks = writes && store->writer_fd >= 0;
        if (locks)
            code = db_lock(store, err);
        if (code == 0)
            code = begin(ret_txn, store, writes, locks, err);
        if (!store->replaced || tries == REPLACED_TRIES)
            break;
        code = db_reopen(store, err);
    }
    return code;
}

int txn_begin_locked(struct txn *ret_txn, struct store *store, struct espt_error *err)
{
    int code = require_usable(store, true, err);
    if (code == 0)
        code = txn_may_write(store, err);
    if (code == 0)
        code = before(store, true, err);
    return code == 0 ? begin(ret_txn, store, true, false, err) : code;
}

static void end(struct txn *txn)
{
    txn->mdb = NULL;
    if (txn->hooked)
        txn->store->hooks->ended(txn->store->hooks_arg, txn);
    txn->hooked = false;
    if (txn->locked)
        db_unlock(txn->store);
    if (txn->counted)
        txn->store->transactions--;
    txn->locked = txn->writes = txn->counted = false;
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

/* If a write of the meta page fails, LMDB puts the old transaction's number back over the new
   roots. Validators must take that for damage, and deny. One more transaction, which changes
   nothing, writes that meta page again. If the disk fails again, the next change repairs it. */
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

void store_result_printed(void)
{
    hold_signals(SIG_UNBLOCK);
}

/* Writes the last records, and appends the change to the fleet's journal. Signals are held from
   here on, because a change that the journal has taken is made. */
static void prepare_commit(struct txn *txn)
{
    const struct store_hooks *hooks = txn->store->hooks;
    if (txn->hooked && txn->code == 0)
        hooks->ready(txn->store->hooks_arg, txn);
    stamp(txn);
    if (txn->code != 0)
        return;
    hold_signals(SIG_BLOCK);
    if (txn->hooked)
        hooks->append(txn->store->hooks_arg, txn);
    if (txn->code != 0)
        store_result_printed();
}

static void commit_failed(struct txn *txn, int rc, bool writes)
{
    struct store *store = txn->store;
    txn_fail_rc(txn, rc);
    if (writes && !store->displaced && !store->alone)
        heal(store);
    store->broken = true;
    if (txn->hooked && store->hooks->lost(store->hooks_arg, txn))
        txn->code = 0;
    else
        store_result_printed();
}

int txn_commit(struct txn *txn)
{
    const bool writes = txn->writes;
    if (writes)
        prepare_commit(txn);
    if (txn->code != 0) {
        txn_abort(txn);
        return txn->code;
    }
    int rc = mdb_txn_commit(txn->mdb);
    txn->store->wrote = txn->store->wrote || (writes && rc == 0);
    if (writes && rc == 0)
        intact_committed(txn);
    if (rc != 0)
        commit_failed(txn, rc, writes);
    end(txn);
    return txn->code;
}
