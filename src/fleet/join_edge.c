/* SPDX-License-Identifier: ISC */
/* An edge begins with the newest snapshot for edges, which the head of the journal names. */
#include "fleet/join.h"

#include "common/clock.h"

#include <string.h>

/* --- the list of sites --- */

/* As an edge keeps them. */
static void put_sites(struct txn *txn, const struct edge_snapshot *snapshot)
{
    struct site_changes at = site_changes_of(snapshot);
    while (txn->code == 0 && site_changes_next(&at))
        site_change_put(txn, at.number, &at.change);
}

static bool same_change(const struct site_change *one, const struct site_change *other)
{
    return one->added == other->added && one->before == other->before &&
           strcmp(one->name, other->name) == 0 &&
           (!one->added || memcmp(one->key, other->key, sizeof one->key) == 0);
}

/* The journal no longer has the entries between, so only the list of sites can be compared, up to
   the entry at which this store stands. That is enough to detect a site that was removed by then
   and signs a history in which it was not. */
static void require_continues(struct txn *txn, const struct edge_snapshot *snapshot)
{
    const struct fleet_position *position = &txn->state.position;
    struct site_changes at = site_changes_of(snapshot);
    uint64_t last = 0;
    bool same = true;
    if (snapshot->position.number <= position->number) {
        txn_fail(txn, ESPT_UNUSABLE,
                 "the fleet's newest snapshot for edges stands at entry %llu, and this edge at "
                 "entry %llu; nothing was changed; look at the site that runs 'esp-tokenctl fleet "
                 "publish'",
                 (unsigned long long)snapshot->position.number,
                 (unsigned long long)position->number);
        return;
    }
    while (same && site_changes_next(&at) && at.number <= position->number) {
        struct site_change own = {0};
        same = site_change_of(txn, at.number, &own) == 1 && same_change(&own, &at.change);
        last = at.number;
    }
    if (txn->code == 0 && (!same || last != position->sites))
        txn_fail(txn, ESPT_UNUSABLE,
                 "the fleet's newest snapshot for edges has another list of sites than this edge "
                 "had at entry %llu: it is of another history; nothing was changed; look at the "
                 "site that runs 'esp-tokenctl fleet publish'",
                 (unsigned long long)position->number);
}

/* --- the records --- */

#define ALIVE_MS 1000

struct joining_edge {
    struct fleet *fleet;
    struct txn *txn;
    struct sums sums;
    int64_t said; /* monotonic milliseconds: fleet->alive was called */
};

static int put_record(void *arg, const struct op *op, struct espt_error *err)
{
    struct joining_edge *joining = arg;
    const int64_t now = monotonic_ms();
    (void)err;
    if (joining->fleet->alive != NULL && now - joining->said >= ALIVE_MS) {
        joining->fleet->alive();
        joining->said = now;
    }
    sums_add(&joining->sums, op->table, &op->key, op->value, op->len);
    txn_put(joining->txn, op->table, &op->key, op->value, op->len);
    return joining->txn->code;
}

static void take(struct fleet *fleet, struct txn *txn, const struct edge_snapshot *snapshot,
                 const struct fleet_position *before)
{
    const struct edge_files files = edge_files_of(fleet);
    struct joining_edge joining = {.fleet = fleet, .txn = txn};
    const int code = edge_snapshot_each(snapshot, &files, put_record, &joining, txn->err);
    if (txn->code == 0)
        txn->code = code;
    if (txn->code == 0 &&
        memcmp(joining.sums.edge, snapshot->position.edge_sum, sizeof joining.sums.edge) != 0)
        txn_fail(txn, ESPT_UNUSABLE,
                 "the fleet's snapshot for edges holds other records than its sum says; nothing "
                 "was changed");
    put_sites(txn, snapshot);
    txn->state.edge = true;
    newest_position(txn, snapshot, before);
}

bool edge_join(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust,
               bool continues)
{
    struct fleet_position before = {0}; /* nothing of another fleet counts */
    struct edge_snapshot snapshot;
    const int found = newest_open(fleet, txn, trust, &snapshot);
    if (found <= 0)
        return found < 0;
    if (joined_already(txn, trust))
        before = txn->state.position;
    if (continues)
        require_continues(txn, &snapshot);
    newest_require_entry(fleet, txn, &snapshot);
    if (txn->code == 0)
        join_clear(txn);
    if (txn->code == 0)
        take(fleet, txn, &snapshot, &before);
    edge_snapshot_clear(&snapshot);
    return true;
}
