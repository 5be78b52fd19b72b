/* SPDX-License-Identifier: ISC */
/*
 * Transactions in the open environment: under the gate lock where LMDB may block, and with the
 * writers' lock. Nothing here opens the environment again.
 */
#include "store/db/db.h"

#include "store/db/lock.h"

#include <errno.h>
#include <lmdb.h>
#include <sys/file.h>

/* NULL: wait only LOCK_MOMENT_MS, because a private copy will do. */
const struct config_wait *db_patience(const struct store *store)
{
    return store->reads && store->overtaken < OVERTAKEN_MAX ? NULL : &store->config.wait;
}

/* A revocation has made the map larger than this environment's. Adopts the new size. */
static int begin_resized(MDB_env *env, unsigned flags, MDB_txn **ret_mdb)
{
    int rc = mdb_env_set_mapsize(env, 0);
    return rc == 0 ? mdb_txn_begin(env, NULL, flags, ret_mdb) : rc;
}

/* Holds the gate, because LMDB also looks for dead readers here after a writer was killed. LMDB's
   own mutex for writers is free, because STORE.writer is held. */
int db_begin_write_here(struct store *store, MDB_txn **ret_mdb, struct espt_error *err)
{
    int dead, code = 0;
    if (store->gate_fd >= 0)
        code = lock_acquire(store->gate_fd, &store->config.wait, err);
    if (code != 0)
        return code;
    mdb_reader_check(store->env, &dead);
    int rc = mdb_txn_begin(store->env, NULL, 0, ret_mdb);
    if (rc == MDB_MAP_RESIZED)
        rc = begin_resized(store->env, 0, ret_mdb);
    if (store->gate_fd >= 0)
        lock_release(store->gate_fd);
    return rc == 0 ? 0 : db_fail(err, rc, &store->config);
}

/* The caller holds the gate. */
static int begin_read(struct store *store, MDB_txn **ret_mdb)
{
    int dead, rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret_mdb);
    if (rc == MDB_MAP_RESIZED)
        rc = begin_resized(store->env, MDB_RDONLY, ret_mdb);
    if (rc != MDB_READERS_FULL)
        return rc;
    mdb_reader_check(store->env, &dead);
    return mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret_mdb);
}

/* EAGAIN: a process with the same pid, in another PID namespace, has a slot. It may keep the slot
   for a long time, and the callers have other ways to read, so the wait for it is bounded by
   `how_slot`. */
int db_begin_slot(struct store *store, const struct config_wait *how,
                  const struct config_wait *how_slot, MDB_txn **ret_mdb, struct espt_error *err)
{
    struct lock_wait wait = lock_wait_begin(how_slot);
    int rc = EAGAIN, code = 0;
    if (store->gate_fd < 0)
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret_mdb);
    while (code == 0 && rc == EAGAIN) {
        code = lock_acquire(store->gate_fd, how, err);
        if (code != 0)
            return code;
        rc = begin_read(store, ret_mdb);
        lock_release(store->gate_fd);
        if (rc == EAGAIN)
            code = lock_wait_more(&wait, err);
    }
    return rc == 0 || code != 0 ? code : db_fail(err, rc, &store->config);
}

int db_lock(struct store *store, struct espt_error *err)
{
    int code = store->locked ? 0 : lock_acquire(store->writer_fd, &store->config.wait, err);
    store->locked = store->locked || code == 0;
    return code;
}

bool db_try_lock(struct store *store)
{
    store->locked = store->locked || flock(store->writer_fd, LOCK_EX | LOCK_NB) == 0;
    return store->locked;
}

void db_unlock(struct store *store)
{
    if (store->locked)
        lock_release(store->writer_fd);
    store->locked = false;
}
