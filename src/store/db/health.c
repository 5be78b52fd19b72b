/* SPDX-License-Identifier: ISC */
#include "store/db/health.h"

#include "store/db/db.h"
#include "store/db/reserve.h"
#include "store/db/slots.h"

#include <lmdb.h>
#include <string.h>

#define FREE_LIST 0 /* LMDB's handle of the free list, in every environment */

struct listing {
    db_reader_fn fn;
    void *arg;
    unsigned long long newest;
};

static int on_slot(const char *line, void *arg)
{
    const struct listing *listing = arg;
    int pid;
    unsigned long long state;
    if (db_slot_parse(line, &pid, &state)) {
        const struct db_reader reader = {pid,
                                         state < listing->newest ? listing->newest - state : 0};
        listing->fn(listing->arg, &reader);
    }
    return 0;
}

/* How many pages the free list names: each value begins with its number of pages. */
static int count_free(MDB_txn *txn, uint64_t *ret_pages)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t count;
    int rc = mdb_cursor_open(txn, FREE_LIST, &cursor);
    if (rc != 0)
        return rc;
    *ret_pages = 0;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (value.mv_size < sizeof count)
            continue;
        memcpy(&count, value.mv_data, sizeof count);
        *ret_pages += count;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int measure(struct store *store, struct db_health *health, const MDB_envinfo *info,
                   struct espt_error *err)
{
    struct txn txn;
    MDB_stat stat;
    uint64_t unused = 0;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    int rc = mdb_env_stat(store->env, &stat);
    if (rc == 0)
        rc = count_free(txn.mdb, &unused);
    txn_abort(&txn);
    if (rc != 0)
        return db_fail(err, rc, &store->config);
    const uint64_t pages = (uint64_t)info->me_last_pgno + 1;
    health->used = (pages > unused ? pages - unused : 0) * stat.ms_psize;
    health->map_size = store->config.map_size - reserve_map(store->config.map_size);
    return 0;
}

int db_health(struct store *store, struct db_health *ret_health, db_reader_fn fn, void *arg,
              struct espt_error *err)
{
    MDB_envinfo info;
    struct db_health health = {.shared = !private_copy_open(&store->copy)};
    if (!health.shared || store->env == NULL) {
        *ret_health = (struct db_health){.shared = false};
        return 0;
    }
    int rc = mdb_env_info(store->env, &info);
    if (rc != 0)
        return db_fail(err, rc, &store->config);
    int code = measure(store, &health, &info, err);
    struct listing listing = {fn, arg, info.me_last_txnid};
    if (code == 0 && !store->read_only && mdb_reader_list(store->env, on_slot, &listing) < 0)
        code = espt_fail(err, ESPT_UNUSABLE, "%s-lock: its table of readers cannot be read",
                         store->config.store);
    if (code == 0)
        *ret_health = health;
    return code;
}
