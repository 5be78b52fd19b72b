/* SPDX-License-Identifier: ISC */
#include "fleet/derive.h"

#include "fleet/sites.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* Fewer records than this are put one by one. */
#define FACTS_LEAST 16

/* A record before and after. */
struct pair {
    const struct touch *touch;
    struct record_value now; /* data NULL: there is none */
    bool in_facts;           /* an operation of facts covers it */
};

struct pairs {
    struct pair *items; /* in order of table and key */
    size_t count;
};

static bool is_same(const struct pair *pair)
{
    const struct touch *touch = pair->touch;
    if (!touch->existed || pair->now.data == NULL)
        return touch->existed == (pair->now.data != NULL);
    return touch->old_len == pair->now.len &&
           memcmp(touch->old, pair->now.data, pair->now.len) == 0;
}

static void add_to_sum(struct derived *ret, const struct pair *pair)
{
    const struct touch *touch = pair->touch;
    if (touch->existed)
        sums_subtract(&ret->sums, touch->table, &touch->key, touch->old, touch->old_len);
    if (pair->now.data != NULL)
        sums_add(&ret->sums, touch->table, &touch->key, pair->now.data, pair->now.len);
}

/* Reads what the records are now, and leaves out those that did not change. */
static void read_pairs(struct derived *ret, struct txn *txn, struct touched *touched,
                       struct pairs *pairs)
{
    pairs->items = calloc(touched->count + 1, sizeof *pairs->items);
    if (pairs->items == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    touched_sort(touched);
    for (size_t i = 0; i < touched->count; i++) {
        struct pair pair = {.touch = touched->items[i]};
        if (txn_get(txn, pair.touch->table, &pair.touch->key, &pair.now) < 0)
            return;
        if (is_same(&pair))
            continue;
        add_to_sum(ret, &pair);
        pairs->items[pairs->count++] = pair;
    }
}

/* --- facts --- */

struct candidate {
    struct pair *pair;
    uint64_t id;
    struct entity_facts facts;
};

/* True: nothing but what auth repeats of the entity has changed. */
static bool only_facts(struct pair *pair, struct candidate *ret)
{
    struct auth_record old, now;
    if (pair->touch->table != TABLE_AUTH || !pair->touch->existed || pair->now.data == NULL ||
        !auth_decode(&pair->touch->key, pair->touch->old, pair->touch->old_len, &old) ||
        !auth_decode(&pair->touch->key, pair->now.data, pair->now.len, &now))
        return false;
    facts_of(&now, &ret->facts);
    facts_set(&old, &ret->facts);
    uint8_t again[RECORD_MAX];
    const size_t len = auth_encode(&pair->touch->key, &old, again);
    memcpy(&ret->id, pair->touch->key.bytes, sizeof ret->id);
    ret->id = le64toh(ret->id);
    ret->pair = pair;
    return len == pair->now.len && memcmp(again, pair->now.data, len) == 0;
}

static int by_entity(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    const uint32_t one = left->facts.entity, other = right->facts.entity;
    return one != other ? (one > other) - (one < other)
                        : (left->id > right->id) - (left->id < right->id);
}

/* One entity's candidates, whose facts are the same. */
static void add_facts(struct ops *edge, struct txn *txn, struct candidate *first, size_t count)
{
    uint64_t *ids = count >= FACTS_LEAST ? calloc(count, sizeof *ids) : NULL;
    if (count < FACTS_LEAST)
        return;
    if (ids == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = first[i].id;
        first[i].pair->in_facts = true;
    }
    ops_facts(edge, &first->facts, ids, count);
    free(ids);
}

static void derive_facts(struct ops *edge, struct txn *txn, struct pairs *pairs)
{
    struct candidate *all = calloc(pairs->count + 1, sizeof *all);
    size_t count = 0;
    if (all == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    for (size_t i = 0; i < pairs->count; i++)
        count += only_facts(&pairs->items[i], &all[count]);
    qsort(all, count, sizeof *all, by_entity);
    for (size_t i = 0, next; i < count && txn->code == 0; i = next) {
        for (next = i; next < count && facts_equal(&all[i].facts, &all[next].facts);)
            next++;
        add_facts(edge, txn, &all[i], next - i);
    }
    free(all);
}

/* --- records --- */

/* An entity's record as edges get it. False: nothing that they get has changed. */
static bool strip(const struct pair *pair, uint8_t out[static RECORD_MAX], size_t *ret_len)
{
    uint8_t old[RECORD_MAX] = {0};
    const struct touch *touch = pair->touch;
    size_t old_len = 0;
    *ret_len = 0;
    if (touch->existed)
        old_len = entity_strip(&touch->key, touch->old, touch->old_len, old);
    if (pair->now.data != NULL)
        *ret_len = entity_strip(&touch->key, pair->now.data, pair->now.len, out);
    return old_len != *ret_len || memcmp(old, out, old_len) != 0;
}

static void add_record(struct derived *ret, const struct pair *pair, enum entry_part part)
{
    const struct touch *touch = pair->touch;
    struct ops *ops = part == PART_EDGE ? &ret->edge : &ret->vault;
    uint8_t stripped[RECORD_MAX];
    const void *value = pair->now.data;
    size_t len = pair->now.len;
    if (!part_has(part, touch->table) || pair->in_facts)
        return;
    if (part == PART_EDGE && touch->table == TABLE_ENTITIES) {
        if (!strip(pair, stripped, &len))
            return;
        value = value != NULL ? stripped : NULL;
    }
    if (value != NULL)
        ops_put(ops, touch->table, &touch->key, value, len);
    else
        ops_delete(ops, touch->table, &touch->key);
}

static void derive_sites(struct derived *ret, struct txn *txn)
{
    struct site_change change;
    const int found = site_change_of(txn, txn->state.position.number + 1, &change);
    ret->sites = found > 0;
    if (found > 0 && !change.edge) /* edges need not know of edges */
        ops_site(&ret->edge, change.name, change.added ? change.key : NULL);
}

void derive(struct derived *ret, struct txn *txn, struct touched *touched)
{
    const struct fleet_position *position = &txn->state.position;
    struct pairs pairs = {0};
    *ret = (struct derived){0};
    memcpy(ret->sums.all, position->sum, sizeof ret->sums.all);
    memcpy(ret->sums.edge, position->edge_sum, sizeof ret->sums.edge);
    derive_sites(ret, txn);
    read_pairs(ret, txn, touched, &pairs);
    if (txn->code == 0)
        derive_facts(&ret->edge, txn, &pairs);
    for (size_t i = 0; txn->code == 0 && i < pairs.count; i++) {
        add_record(ret, &pairs.items[i], PART_EDGE);
        add_record(ret, &pairs.items[i], PART_VAULT);
    }
    free(pairs.items);
    if (ret->edge.failed || ret->vault.failed)
        txn_fail(txn, ESPT_UNUSABLE,
                 "this change is too large for one entry of the fleet's journal; make it in parts");
}

void derived_sums(const struct derived *derived, struct fleet_position *position)
{
    memcpy(position->sum, derived->sums.all, sizeof position->sum);
    memcpy(position->edge_sum, derived->sums.edge, sizeof position->edge_sum);
}

void derived_clear(struct derived *derived)
{
    ops_clear(&derived->edge);
    ops_clear(&derived->vault);
}
