/* SPDX-License-Identifier: ISC */
/*
 * Transactions in the file that the store's path names now (MUST 6). If the path names another file
 * than before, the environment is opened again. A reader that gets no slot continues on a private
 * copy.
 */
#include "store/db/db.h"

#include "store/db/lock.h"

#include <lmdb.h>

/* MUST 6: true if the open file is still the store. A private copy must also be of the newest
   state. */
static bool is_current(struct store *store)
{
    if (private_copy_open(&store->copy))
        return private_copy_is_newest(&store->copy, store->config.store);
    return store->displaced || (store->env != NULL && env_is_at(store->env, store->config.store));
}

/* The caller holds the writers' lock, so no other process replaces the store from here on. */
static int make_current(struct store *store, struct espt_error *err)
{
    int code = store->writer_fd >= 0
                   ? lock_still_there(store->writer_fd, store->config.store, ".writer", err)
                   : 0;
    return code == 0 && !is_current(store) ? db_reopen(store, err) : code;
}

int db_begin_write(struct store *store, MDB_txn **ret_mdb, struct espt_error *err)
{
    int code = make_current(store, err);
    return code == 0 ? db_begin_write_here(store, ret_mdb, err) : code;
}

/* Waits only briefly for a slot, because a private copy will do, unless writers overtook
   OVERTAKEN_MAX copies in a row. */
static int begin_to_read(struct store *store, MDB_txn **ret_mdb, struct espt_error *err)
{
    const struct config_wait *how_slot =
        store->overtaken < OVERTAKEN_MAX ? NULL : &store->config.wait;
    return db_begin_slot(store, db_patience(store), how_slot, ret_mdb, err);
}

int db_begin_read(struct store *store, MDB_txn **ret_mdb, struct espt_error *err)
{
    int code = is_current(store) ? 0 : db_reopen(store, err);
    if (code == 0)
        code = begin_to_read(store, ret_mdb, err);
    while (code == LOCK_BUSY) {
        code = db_reopen_copy(store, err);
        if (code == 0)
            code = begin_to_read(store, ret_mdb, err);
    }
    if (code == 0)
        store->overtaken = 0;
    return code;
}
