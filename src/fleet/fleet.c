/* SPDX-License-Identifier: ISC */
/* A fleet from new to free, and where a store stands. */
#include "fleet/fleet.h"

#include "common/clock.h"
#include "fleet/member.h"
#include "store/db/db.h"
#include "store/log.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

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

/* --- transactions and files of this machine --- */

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
