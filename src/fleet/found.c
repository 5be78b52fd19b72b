/* SPDX-License-Identifier: ISC */
/* Begins a fleet, and changes its list of sites. */
#include "fleet/member.h"
#include "fleet/snapshot.h"
#include "fleet/sum.h"
#include "store/apply.h"
#include "store/log.h"
#include "store/writing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- init --- */

static int journal_must_be_empty(struct fleet *fleet, struct espt_error *err)
{
    struct fleet_range range;
    int code = fleet_range(fleet, &range, err);
    if (code != 0 || range.last == 0)
        return code;
    return espt_fail(err, ESPT_REFUSED,
                     "%s: this journal holds a fleet already, with entries %llu to %llu; run "
                     "'esp-tokenctl fleet join', or name an empty journal",
                     fleet->config->fleet_settings, (unsigned long long)range.first,
                     (unsigned long long)range.last);
}

static void add_note(struct changes *changes, struct txn *txn, const struct site_change *change)
{
    struct change note;
    site_change_note(change, &note);
    changes_add(changes, txn, &note);
}

/* From here on the transaction is one of the fleet; its commit appends the first entry. */
static void enter_fleet(struct fleet *fleet, struct txn *txn, const struct fleet_position *position)
{
    struct changes changes = {0};
    struct site_change change = {.added = true};
    name_copy(change.name, sizeof change.name, fleet->config->fleet_name);
    memcpy(change.key, fleet->public, sizeof change.key);
    txn->state.fleet = true;
    txn->state.position = *position;
    fleet->logged = fleet->appended = false;
    txn->hooked = fleet->shares = true;
    add_note(&changes, txn, &change);
    apply(txn, &changes);
    changes_clear(&changes);
}

static void position_now(struct txn *txn, const struct fleet_trust *trust,
                         struct fleet_position *ret)
{
    struct log_head head;
    struct sums sums;
    *ret = (struct fleet_position){0};
    memcpy(ret->id, trust->id, sizeof ret->id);
    log_read_head(txn, &head);
    ret->number = head.sequence;
    ret->reveal = fleet_reveal(&txn->store->config);
    sums_of(&sums, txn);
    memcpy(ret->sum, sums.all, sizeof ret->sum);
    memcpy(ret->edge_sum, sums.edge, sizeof ret->edge_sum);
}

/* The snapshot is in the journal before the first entry: who sees the entry can join. */
static int begin_fleet(struct fleet *fleet, struct store *store, const struct fleet_trust *trust,
                       struct espt_error *err)
{
    struct txn txn;
    struct fleet_position position;
    store->local = true;
    int code = txn_begin(&txn, store, true, err);
    store->local = false;
    if (code != 0)
        return code;
    if (txn.state.fleet)
        txn_fail(&txn, ESPT_REFUSED, "%s: this store belongs to a fleet already",
                 store->config.store);
    if (txn.code == 0)
        position_now(&txn, trust, &position);
    if (txn.code == 0)
        txn.code = snapshot_write(fleet, &txn, &position, false, err);
    if (txn.code == 0)
        txn.code = snapshot_write(fleet, &txn, &position, true, err);
    if (txn.code == 0)
        txn.code = journal_hold(fleet, err);
    if (txn.code == 0)
        txn.code = journal_must_be_empty(fleet, err);
    if (txn.code == 0)
        txn.code = trust_write(fleet->config, trust, err);
    const bool trusted = txn.code == 0;
    if (trusted)
        enter_fleet(fleet, &txn, &position);
    code = txn_commit(&txn);
    if (code != 0 && code != ESPT_UNSURE && trusted)
        unlink(fleet->config->fleet_trust);
    return code;
}

int fleet_init(struct fleet *fleet, struct store *store, struct espt_error *err)
{
    struct fleet_trust trust;
    if (access(fleet->config->fleet_trust, F_OK) == 0)
        return espt_fail(err, ESPT_REFUSED,
                         "%s: this machine trusts a fleet already; run 'esp-tokenctl fleet join', "
                         "or move the file away to begin another fleet",
                         fleet->config->fleet_trust);
    int code = key_load(fleet, err);
    if (code == 0)
        code = journal_must_be_empty(fleet, err);
    if (code == 0) {
        randombytes_buf(trust.id, sizeof trust.id);
        memcpy(trust.key, fleet->public, sizeof trust.key);
        code = begin_fleet(fleet, store, &trust, err);
    }
    journal_release(fleet);
    return code;
}

/* --- sites --- */

static const struct site *find_by_key(const struct sites *sites, const uint8_t *key)
{
    for (size_t i = 0; i < sites->count; i++) {
        if (memcmp(sites->items[i].key, key, SITE_KEY_LEN) == 0)
            return &sites->items[i];
    }
    return NULL;
}

static void may_add(const struct sites *sites, struct txn *txn, const char *name,
                    const uint8_t *key, bool edge)
{
    const struct site *same_name = sites_member(sites, name), *same_key = find_by_key(sites, key);
    const char *what = edge ? "edge" : "site";
    const size_t most = edge ? EDGES_MAX : SITES_MAX;
    if (same_name != NULL)
        txn_fail(txn, ESPT_REFUSED,
                 "%s %s is in the fleet already; run 'esp-tokenctl fleet %s remove %s' first, "
                 "to give it another key",
                 same_name->edge ? "edge" : "site", name, same_name->edge ? "edge" : "site", name);
    else if (same_key != NULL)
        txn_fail(txn, ESPT_REFUSED,
                 "%s %s has this key; run 'esp-tokenctl fleet key' on the new machine, with a "
                 "file of its own",
                 same_key->edge ? "edge" : "site", same_key->name);
    else if (sites_count(sites, edge) >= most)
        txn_fail(txn, ESPT_REFUSED, "the fleet has %zu %ss; remove one first", most, what);
}

static void may_remove(const struct sites *sites, struct txn *txn, const char *name, bool edge)
{
    const struct site *member = sites_member(sites, name);
    if (member == NULL || member->edge != edge)
        txn_fail(txn, ESPT_MISSING, "the fleet has no %s %s", edge ? "edge" : "site", name);
    else if (!edge && sites_count(sites, false) == 1)
        txn_fail(txn, ESPT_REFUSED, "%s is the only site of the fleet; add another one first",
                 name);
}

int fleet_site_change(struct fleet *fleet, struct store *store, const char *name,
                      const uint8_t *key, bool edge, struct espt_error *err)
{
    struct writing w;
    struct site_change change = {.added = key != NULL, .edge = edge};
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    if (!w.txn.state.fleet)
        txn_fail(&w.txn, ESPT_REFUSED, "%s: this store belongs to no fleet", store->config.store);
    else if (key != NULL)
        may_add(&fleet->sites, &w.txn, name, key, edge);
    else
        may_remove(&fleet->sites, &w.txn, name, edge);
    if (w.txn.code == 0) {
        name_copy(change.name, sizeof change.name, name);
        if (key != NULL)
            memcpy(change.key, key, sizeof change.key);
        change.before = w.txn.state.position.sites;
        add_note(&w.changes, &w.txn, &change);
    }
    return writing_end(&w);
}

/* --- check --- */

static bool sums_fit(struct txn *txn)
{
    const struct fleet_position *position = &txn->state.position;
    struct log_head head;
    struct sums sums;
    sums_of(&sums, txn);
    log_read_head(txn, &head);
    return txn->state.fleet && memcmp(sums.edge, position->edge_sum, sizeof sums.edge) == 0 &&
           (txn->state.edge || (memcmp(sums.all, position->sum, sizeof sums.all) == 0 &&
                                head.sequence == position->number));
}

int fleet_check(struct store *store, bool *ret_same, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    const bool same = sums_fit(&txn);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_same = same;
    return txn.code;
}
