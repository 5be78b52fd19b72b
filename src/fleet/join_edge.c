/* SPDX-License-Identifier: ISC */
/* An edge begins with the newest snapshot for edges, which the head of the journal names. */
#include "fleet/edge_snapshot.h"
#include "fleet/sum.h"

#include "common/clock.h"
#include "common/record_bytes.h"

#include <string.h>

/* Whether the store is that of an edge of this fleet already. */
static bool is_of(const struct txn *txn, const struct fleet_trust *trust)
{
    const struct fleet_position *position = &txn->state.position;
    return txn->state.fleet && memcmp(position->id, trust->id, sizeof position->id) == 0;
}

/* 1: there is one. 0: no publisher has made one. */
static int find_snapshot(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust,
                         struct head_snapshot *ret)
{
    const struct fleet_position *position = &txn->state.position;
    const uint8_t *bytes;
    size_t len;
    struct head head;
    char needs[ENTRY_NEEDS_MAX + 1];
    const int found = journal_head_get(fleet, &bytes, &len, txn->err);
    if (found <= 0)
        return found;
    /* the snapshot's own signature counts, so that of the head need not be known here */
    if (head_decode(bytes, len, &head, needs) != ENTRY_GOOD || head.snapshot.number == 0 ||
        memcmp(head.fleet, trust->id, sizeof head.fleet) != 0)
        return 0;
    const uint64_t seen = position->head > position->number ? position->head : position->number;
    if (is_of(txn, trust) && head.number < seen)
        return espt_fail(txn->err, ESPT_UNUSABLE,
                         "the head of the fleet's journal names entry %llu, and this edge has seen "
                         "entry %llu; nothing was changed; if the journal was set back, move the "
                         "store away, and run 'esp-tokenctl init' and 'esp-tokenctl fleet join "
                         "--edge'",
                         (unsigned long long)head.number, (unsigned long long)seen);
    *ret = head.snapshot;
    return 1;
}

/* --- the list of sites --- */

/* The changes of the list, in the index of the snapshot, which was verified. */
struct site_changes {
    struct parser p;
    uint32_t left;
    uint64_t number; /* of the entry that made the change; 0: before the first */
    struct site_change change;
};

static struct site_changes changes_of(const struct edge_snapshot *snapshot)
{
    return (struct site_changes){
        .p = {.in = snapshot->changes, .left = snapshot->changes_len, .good = true},
        .left = snapshot->change_count};
}

static bool next_change(struct site_changes *at)
{
    espt_journal_entry pieces = {0};
    struct entry entry;
    struct ops_reader reader;
    struct op op;
    char needs[ENTRY_NEEDS_MAX + 1];
    if (at->left == 0)
        return false;
    at->left--;
    pieces.head_len = parse_u32(&at->p);
    pieces.edge_len = parse_u32(&at->p);
    pieces.head = at->p.in;
    pieces.edge = at->p.in + pieces.head_len;
    at->p.in += pieces.head_len + pieces.edge_len;
    at->p.left -= pieces.head_len + pieces.edge_len;
    if (entry_decode(&pieces, ESPT_JOURNAL_EDGE, &entry, needs) != ENTRY_GOOD)
        return false;
    ops_begin(&reader, PART_EDGE, &entry.part[PART_EDGE]);
    if (!ops_next(&reader, &op))
        return false;
    at->change = (struct site_change){.added = op.kind == OP_SITE_ADD, .before = at->number};
    memcpy(at->change.name, op.site, sizeof at->change.name);
    memcpy(at->change.key, op.site_key, sizeof at->change.key);
    at->number = entry.number;
    return true;
}

/* As an edge keeps them. */
static void put_sites(struct txn *txn, const struct edge_snapshot *snapshot)
{
    struct site_changes at = changes_of(snapshot);
    while (txn->code == 0 && next_change(&at))
        site_change_put(txn, at.number, &at.change);
}

static bool same_change(const struct site_change *one, const struct site_change *other)
{
    return one->added == other->added && one->before == other->before &&
           strcmp(one->name, other->name) == 0 &&
           (!one->added || memcmp(one->key, other->key, sizeof one->key) == 0);
}

/* The entries between are gone, so what can be compared is the list of sites up to the entry at
   which this store stands. It binds who may sign: a site that was removed by then, and signs a
   history in which it was not, is found out. */
static void require_continues(struct txn *txn, const struct edge_snapshot *snapshot)
{
    const struct fleet_position *position = &txn->state.position;
    struct site_changes at = changes_of(snapshot);
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
    while (same && next_change(&at) && at.number <= position->number) {
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
    txn->state.fleet = txn->state.edge = true;
    txn->state.position = snapshot->position;
    txn->state.position.head = before->head;
    txn->state.position.fresh = before->fresh;
    fresh_time(&txn->state.position, snapshot->time);
    txn->state.next_number = snapshot->next_number;
    if (txn->state.revision < snapshot->revision)
        txn->state.revision = snapshot->revision;
}

bool edge_join(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust,
               bool continues)
{
    const struct edge_files files = edge_files_of(fleet);
    struct fleet_position before = {0}; /* nothing of another fleet counts */
    struct edge_snapshot snapshot;
    struct head_snapshot which;
    const int found = find_snapshot(fleet, txn, trust, &which);
    if (found == 0)
        return false;
    txn->code = found < 0 ? found : edge_snapshot_open(&snapshot, &files, &which, trust, txn->err);
    if (txn->code != 0)
        return true;
    if (is_of(txn, trust))
        before = txn->state.position;
    if (continues)
        require_continues(txn, &snapshot);
    if (txn->code == 0)
        join_clear(txn);
    if (txn->code == 0)
        take(fleet, txn, &snapshot, &before);
    edge_snapshot_clear(&snapshot);
    return true;
}
