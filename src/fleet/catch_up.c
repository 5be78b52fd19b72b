/* SPDX-License-Identifier: ISC */
/* Catching up: the entries that the journal has and the store lacks. */
#include "fleet/fleet.h"

#include "fleet/member.h"
#include "store/db/db.h"

/* Entries in one transaction: enough to make the sync of the disk cheap, few enough that another
   writer here does not wait long. */
#define BATCH 500

static int apply_some(struct fleet *fleet, struct store *store, bool locked, uint64_t most,
                      uint64_t *ret_count, struct espt_error *err)
{
    struct txn txn;
    *ret_count = 0;
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

/* If an entry is refused, the good ones before it are applied in a second transaction. */
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

/* Takes the writers' lock only if there is an entry to apply. */
int fleet_catch_up_before(struct fleet *fleet, struct store *store, bool locked,
                          struct espt_error *err)
{
    espt_journal_entry next;
    struct fleet_place place;
    uint64_t count;
    int code = fleet_place(store, &place, err);
    const int found = code == 0 ? journal_read(fleet, place.position.number + 1, &next, err) : code;
    code = found < 0 ? found : replay_fits(fleet, &place.position, err);
    fleet->more = found > 0;
    while (code == 0 && fleet->more)
        code = fleet_apply_batch(fleet, store, locked, &count, err);
    if (code == 0 && fleet->cut)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "the fleet's journal has more entries than could be taken in this time; "
                         "run the command again to take more");
    return code;
}

int fleet_catch_up(struct fleet *fleet, struct store *store, struct espt_error *err)
{
    const int code = fleet_catch_up_before(fleet, store, false, err);
    return code == 0 ? fresh_head(fleet, store, false, err) : code;
}
