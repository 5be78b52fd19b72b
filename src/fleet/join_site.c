/* SPDX-License-Identifier: ISC */
/* A site begins with the newest snapshot for sites. */
#include "fleet/join.h"
#include "fleet/site_snapshot.h"

#include <stdlib.h>
#include <string.h>

/* --- the list of sites --- */

static bool same_change(const struct site_change *one, const struct site_change *other)
{
    return one->added == other->added && strcmp(one->name, other->name) == 0 &&
           (!one->added || memcmp(one->key, other->key, sizeof one->key) == 0);
}

/* The number of the last entry that changed the list, by the log. */
static uint64_t last_change(struct txn *txn, uint64_t number)
{
    struct site_change change;
    while (number > 0 && txn->code == 0 && site_change_of(txn, number, &change) == 0)
        number--;
    return number;
}

/* Walks the log's changes backwards: those of sites must be the proven ones, `count` of them. */
static bool log_has(struct txn *txn, const struct site_changes *proven, size_t count)
{
    uint64_t at = txn->state.position.sites;
    while (at != 0 && txn->code == 0) {
        struct site_change change;
        if (site_change_of(txn, at, &change) <= 0)
            return false;
        if (!change.edge) {
            if (count == 0 || proven[--count].number != at ||
                !same_change(&change, &proven[count].change))
                return false;
        }
        at = change.before;
    }
    return txn->code == 0 && count == 0;
}

/* At a site the log says who may write. It must say what the index proves. */
static void require_list(struct txn *txn, const struct edge_snapshot *snapshot)
{
    struct site_changes at = site_changes_of(snapshot), *proven;
    size_t count = 0;
    if (txn->code != 0)
        return;
    proven = calloc(snapshot->change_count + 1UL, sizeof *proven);
    if (proven == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    while (count < snapshot->change_count && site_changes_next(&at))
        proven[count++] = at;
    txn->state.position.sites = last_change(txn, snapshot->position.number);
    if (!log_has(txn, proven, count) && txn->code == 0)
        txn->code = joining_refuse(txn->err);
    free(proven);
}

/* --- all together --- */

static void take(struct fleet *fleet, struct txn *txn, const struct edge_snapshot *snapshot,
                 const struct fleet_position *before)
{
    struct joining joining = {.fleet = fleet, .txn = txn};
    int code = site_snapshot_each(fleet, snapshot, joining_put, &joining, txn->err);
    if (code == 0 &&
        (!joining_fits(&joining, snapshot->position.number, snapshot->position.sum) ||
         memcmp(joining.sums.edge, snapshot->position.edge_sum, sizeof joining.sums.edge) != 0))
        code = joining_refuse(txn->err);
    if (txn->code == 0)
        txn->code = code;
    newest_position(txn, snapshot, before);
    require_list(txn, snapshot);
}

bool site_join(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust)
{
    struct fleet_position before = {0};
    struct edge_snapshot snapshot;
    const int found = newest_open(fleet, txn, trust, &snapshot);
    if (found <= 0)
        return found < 0;
    const bool has = snapshot.site_count > 0;
    if (has && joined_already(txn, trust))
        before = txn->state.position;
    if (has)
        newest_require_entry(fleet, txn, &snapshot);
    if (has && txn->code == 0)
        join_clear(txn);
    if (has && txn->code == 0)
        take(fleet, txn, &snapshot, &before);
    edge_snapshot_clear(&snapshot);
    return has;
}
