/* SPDX-License-Identifier: ISC */
/* Opening and reopening the environment of a store: behind the gate lock, or on a private copy;
   and its tables. */
#include "store/db/db.h"

#include "store/db/file_id.h"
#include "store/db/intact.h"
#include "store/db/lock.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* After a killed restore, a long-running reader keeps the old lock file until its next check, which
   `log --follow` makes twice a second. */
#define OPEN_TRIES 75

/* Outcomes of opening the environment that are not errors. REPLACED: restore is replacing the store
   by another file at this moment. */
enum { BUSY = LOCK_BUSY, OVERTAKEN = PRIVATE_COPY_OVERTAKEN, REPLACED = ENV_REPLACED };

/* Without a table of readers, a snapshot is valid only while no process writes. A process that
   writes through another mount waits for the lock. */
static int open_read_only(struct store *store, struct espt_error *err)
{
    int code = store->writer_fd >= 0 ? 0
                                     : lock_share(store->config.store, ".writer",
                                                  db_patience(store), &store->writer_fd, err);
    return code == 0 ? env_open(&store->env, &store->config, store->config.store, ENV_SNAPSHOT, err)
                     : code;
}

/* restore moves the lock file as well: the lock file that is held must be the one that LMDB has
   opened. */
static int open_shared(struct store *store, struct espt_error *err)
{
    char lock[PATH_MAX + 8];
    snprintf(lock, sizeof lock, "%s-lock", store->config.store);
    int code = env_open(&store->env, &store->config, store->config.store, ENV_SHARED, err);
    return code == 0 && !fd_is_at(store->gate_fd, lock) ? REPLACED : code;
}

int db_open(struct store *store, struct espt_error *err)
{
    if (store->alone)
        return env_open(&store->env, &store->config, store->config.store, ENV_PRIVATE, err);
    store->read_only = access(store->config.store, W_OK) != 0 && errno == EROFS;
    if (store->read_only)
        return open_read_only(store, err);
    /* Created here with mode 0600, because LMDB would give it the store's mode. */
    int code = lock_open(store->config.store, "-lock", &store->gate_fd, err);
    if (code == 0)
        code = lock_acquire(store->gate_fd, db_patience(store), err);
    if (code != 0)
        return code;
    code = open_shared(store, err);
    lock_release(store->gate_fd);
    return code == 0 ? db_leave_room(store, err) : code;
}

static int open_copy(struct store *store, struct espt_error *err)
{
    int fd;
    int code = private_copy_make(&store->copy, &store->config, &fd, err);
    if (code == 0) {
        code = env_open_unnamed(&store->env, &store->config, fd, err);
        close(fd);
    }
    return code >= 0 ? code
                     : espt_fail_in(err, "a private copy of the store, because a stopped "
                                         "esp-tokenctl holds its lock");
}

void db_close(struct store *store)
{
    intact_close(store);
    if (store->env != NULL)
        mdb_env_close(store->env);
    private_copy_end(&store->copy);
    if (store->gate_fd >= 0)
        close(store->gate_fd);
    store->env = NULL;
    store->gate_fd = -1;
}

/* Begins the transaction that opens the tables, if a reader gets no slot: a writer needs none. The
   transaction changes nothing. */
static int begin_without_slot(struct store *store, MDB_txn **ret_mdb, struct espt_error *err)
{
    int code = store->writer_fd >= 0
                   ? 0
                   : lock_open(store->config.store, ".writer", &store->writer_fd, err);
    if (code == 0)
        code = db_lock(store, err);
    return code == 0 ? db_begin_write_here(store, ret_mdb, err) : code;
}

/* REPLACED: file and lock file do not match, or the file is marked as closed. */
static int open_tables_in(struct store *store, MDB_txn *mdb, bool writes, struct espt_error *err)
{
    struct state_record state;
    int rc = mdb_dbi_open(mdb, NULL, 0, &store->dbi[TABLE_STATE]);
    enum state_verdict verdict = rc == 0 ? db_state(mdb, store->dbi[TABLE_STATE], &state) : 0;
    if (verdict == STATE_OLDER || verdict == STATE_NEWER) { /* its tables may differ */
        mdb_txn_abort(mdb);
        return db_fail_state(err, verdict, &store->config);
    }
    for (enum table t = TABLE_STATE + 1; rc == 0 && t < TABLE_COUNT; t++)
        rc = mdb_dbi_open(mdb, table_name(t), table_has_integer_key(t) ? MDB_INTEGERKEY : 0,
                          &store->dbi[t]);
    if (rc != 0) {
        mdb_txn_abort(mdb);
        return db_fail(err, rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE ? MDB_INVALID : rc,
                       &store->config);
    }
    const bool good = verdict == STATE_GOOD, copy = private_copy_open(&store->copy),
               left = good &&
                      (state.closed || state.transaction + (writes ? 1 : 0) != mdb_txn_id(mdb));
    store->edge = good && state.edge;
    if (copy && good)
        private_copy_holds(&store->copy, &state);
    rc = mdb_txn_commit(mdb);
    if (rc == 0 && left)
        return copy ? OVERTAKEN : REPLACED;
    return rc == 0 ? 0 : db_fail(err, rc, &store->config);
}

/* Handles of named databases last as long as the environment once their transaction is committed.
   If there is no slot, a command that only reads continues on a private copy. */
static int open_tables(struct store *store, struct espt_error *err)
{
    MDB_txn *mdb;
    const bool held = store->locked;
    int code = db_begin_slot(store, db_patience(store), store->reads ? db_patience(store) : NULL,
                             &mdb, err);
    const bool writes = code == BUSY && !store->reads;
    if (writes)
        code = begin_without_slot(store, &mdb, err);
    if (code == 0)
        code = open_tables_in(store, mdb, writes, err);
    if (writes && !held)
        db_unlock(store);
    return code;
}

/* For a moment during a restore, the store's lock file describes the old file; then the store is
   opened again. txn_begin() reports a mismatch that lasts longer. If the gate lock cannot be taken,
   or `busy` is set, a private copy is opened. A stale copy means that a writer got through, so the
   gate is tried again. */
int db_open_tables(struct store *store, bool busy, struct espt_error *err)
{
    for (int tries = 0;;) {
        int code = busy ? open_copy(store, err) : db_open(store, err);
        const bool opened = code == 0;
        if (opened)
            code = open_tables(store, err);
        if (code <= 0)
            return code;
        if (code == REPLACED && tries++ == OPEN_TRIES)
            return opened ? 0 : db_fail_replaced(err, &store->config);
        db_close(store);
        busy = code == BUSY;
        store->overtaken += code == OVERTAKEN;
        if (code == REPLACED)
            nanosleep(&(struct timespec){.tv_nsec = RESTORE_MS * 1000000L}, NULL);
    }
}

static int reopen(struct store *store, bool busy, struct espt_error *err)
{
    db_close(store);
    int code = db_open_tables(store, busy, err);
    store->broken = code != 0;
    return code;
}

int db_reopen_copy(struct store *store, struct espt_error *err)
{
    return reopen(store, true, err);
}

int db_reopen(struct store *store, struct espt_error *err)
{
    store->replaced = false;
    int code = db_check_file(&store->config, err);
    if (code == 0)
        code = reopen(store, false, err);
    store->broken = code != 0;
    return code;
}
