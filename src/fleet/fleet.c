/* SPDX-License-Identifier: ISC */
/* A fleet from new to free, and catching up. */
#include "fleet/fleet.h"

#include "common/clock.h"
#include "fleet/member.h"
#include "store/db/db.h"
#include "store/log.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* Entries in one transaction: enough to make the sync of the disk cheap, few enough that another
   writer here does not wait long. */
#define BATCH 500

int fleet_new(struct fleet **ret_fleet, const struct config *config, uint32_t limit_ms,
              struct espt_error *err)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (fleet == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    fleet->config = config;
    fleet->limit_ms = limit_ms;
    *ret_fleet = fleet;
    return 0;
}

void fleet_within(struct fleet *fleet, uint32_t ms)
{
    fleet->until = monotonic_ms() + ms;
}

void fleet_alive(struct fleet *fleet, void (*fn)(void))
{
    fleet->alive = fn;
}

/* The library stays loaded: its own libraries may have handlers that run at exit. */
void fleet_free(struct fleet *fleet)
{
    if (fleet == NULL)
        return;
    journal_release(fleet);
    if (fleet->journal != NULL)
        fleet->plugin->close(fleet->journal);
    touched_clear(&fleet->touched);
    kept_clear(&fleet->kept);
    sites_clear(&fleet->sites);
    free(fleet->bytes);
    sodium_memzero(fleet, sizeof *fleet);
    free(fleet);
}

const char *fleet_warning(const struct fleet *fleet)
{
    return fleet->warning[0] != '\0' ? fleet->warning : NULL;
}

bool fleet_admits(const struct fleet *fleet)
{
    return !fleet->stranger;
}

/* --- reading where the store stands --- */

static int64_t last_time(struct txn *txn)
{
    struct record_key key;
    struct record_value value;
    struct log_entry entry;
    struct log_bytes bytes;
    if (txn_last(txn, TABLE_LOG, &key, &value) <= 0 ||
        !log_decode(&key, value.data, value.len, &bytes, &entry))
        return 0;
    return entry.time;
}

int fleet_place(struct store *store, struct fleet_place *ret_place, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    const bool edge = txn.state.edge;
    const struct fleet_place place = {
        .position = txn.state.position,
        .edge = edge,
        .time = edge ? txn.state.position.fresh : last_time(&txn),
        .revision = txn.state.revision,
    };
    const bool member = txn.state.fleet;
    txn_abort(&txn);
    if (txn.code == 0 && !member)
        return espt_fail(err, ESPT_REFUSED,
                         "%s: this store belongs to no fleet; run 'esp-tokenctl fleet join', or "
                         "'esp-tokenctl fleet init' to begin a fleet",
                         store->config.store);
    if (txn.code == 0)
        *ret_place = place;
    return txn.code;
}

int fleet_sites(struct store *store, struct sites *ret_sites, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    *ret_sites = (struct sites){0};
    code = sites_read(ret_sites, &txn);
    txn_abort(&txn);
    return code;
}

/* --- catching up --- */

int fleet_begin_local(struct txn *ret_txn, struct store *store, bool locked, struct espt_error *err)
{
    store->local = true;
    int code =
        locked ? txn_begin_locked(ret_txn, store, err) : txn_begin(ret_txn, store, true, err);
    store->local = false;
    return code;
}

int fleet_reopen(struct store *store, struct espt_error *err)
{
    return store->broken ? db_wake(store, err) : 0;
}

static int apply_some(struct fleet *fleet, struct store *store, bool locked, uint64_t most,
                      uint64_t *ret_count, struct espt_error *err)
{
    struct txn txn;
    int code = fleet_begin_local(&txn, store, locked, err);
    if (code != 0)
        return code;
    replay(fleet, &txn, most, ret_count);
    if (txn.code == 0 && *ret_count == 0) {
        txn_abort(&txn);
        return 0;
    }
    code = txn_commit(&txn);
    store_result_printed(); /* nothing is printed for it */
    return code;
}

/* After an entry that is refused, the good ones before it are applied alone. */
int fleet_apply_batch(struct fleet *fleet, struct store *store, bool locked, uint64_t *ret_count,
                      struct espt_error *err)
{
    struct espt_error first;
    int code = apply_some(fleet, store, locked, BATCH, ret_count, &first);
    if (code == 0)
        return 0;
    const uint64_t good = *ret_count;
    *ret_count = 0;
    if (good > 0 && !store->broken && apply_some(fleet, store, locked, good, ret_count, err) != 0)
        *ret_count = 0;
    *err = first;
    return code;
}

/* Takes the lock of writers only if there is an entry to apply. */
static int catch_up(struct fleet *fleet, struct store *store, bool locked, uint64_t *ret_entries,
                    struct espt_error *err)
{
    espt_journal_entry next;
    struct fleet_place place;
    uint64_t count;
    *ret_entries = 0;
    int code = fleet_place(store, &place, err);
    if (code == 0)
        code = replay_fits(fleet, &place.position, err);
    const int found = code == 0 ? journal_read(fleet, place.position.number + 1, &next, err) : code;
    code = found < 0 ? found : 0;
    fleet->more = found > 0;
    while (code == 0 && fleet->more) {
        count = 0;
        code = fleet_apply_batch(fleet, store, locked, &count, err);
        *ret_entries += count;
    }
    if (code == 0 && fleet->cut)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "the fleet's journal has more entries than could be taken in this time; "
                         "run the command again to take more");
    return code;
}

int fleet_catch_up(struct fleet *fleet, struct store *store, uint64_t *ret_entries,
                   struct espt_error *err)
{
    uint64_t entries;
    int code = catch_up(fleet, store, false, &entries, err);
    if (code == 0)
        code = fresh_head(fleet, store, false, err);
    if (ret_entries != NULL)
        *ret_entries = entries;
    return code;
}

int fleet_catch_up_before(struct fleet *fleet, struct store *store, bool locked,
                          struct espt_error *err)
{
    uint64_t entries;
    return catch_up(fleet, store, locked, &entries, err);
}
