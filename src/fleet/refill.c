/* SPDX-License-Identifier: ISC */
/*
 * refill: entries that this store has, and that the journal lost when it was set back, go into the
 * journal again, the same bytes under the same numbers. They are signed already, so this needs no
 * key, and other sites check them as usual.
 */
#include "fleet/kept.h"
#include "fleet/member.h"

#include <stdlib.h>
#include <string.h>

static int other_entry(const struct fleet_position *position, uint64_t number,
                       struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "the fleet's journal has another entry %llu than this store: the fleet went "
                     "on without %llu entries of this store; run 'esp-tokenctl fleet join', which "
                     "lists them first",
                     (unsigned long long)number,
                     (unsigned long long)(position->number - number + 1));
}

/* The kept entry with that number and hash, or NULL. Searches downwards from `from`, and wraps. */
static const struct kept_entry *find(const struct kept_list *list, size_t from, uint64_t number,
                                     const uint8_t hash[static FLEET_HASH_LEN])
{
    for (size_t i = 0; i < list->count; i++) {
        const struct kept_entry *item = &list->items[(from + list->count - 1 - i) % list->count];
        if (item->number == number && memcmp(item->hash, hash, sizeof item->hash) == 0)
            return item;
    }
    return NULL;
}

/* Collects entries first to last, by the hashes that lead back from the position. */
static int collect(const struct kept_list *list, const struct fleet_position *position,
                   uint64_t first, const struct kept_entry **ret, struct espt_error *err)
{
    const uint8_t *hash = position->hash;
    size_t from = list->count;
    for (uint64_t number = position->number; number >= first; number--) {
        const struct kept_entry *item = find(list, from, number, hash);
        if (item == NULL)
            return espt_fail(err, ESPT_UNUSABLE,
                             "the fleet's journal ends at entry %llu, and this machine keeps no "
                             "entry before %llu; nothing was changed; run 'esp-tokenctl fleet "
                             "refill' at another site, or restore the newer journal",
                             (unsigned long long)first - 1, (unsigned long long)number + 1);
        ret[number - first] = item;
        hash = item->before;
        from = (size_t)(item - list->items);
    }
    return 0;
}

static int append_all(struct fleet *fleet, const struct kept_entry *const *items, uint64_t count,
                      struct espt_error *err)
{
    for (uint64_t i = 0; i < count && items[i] != NULL; i++) {
        fleet->entry = items[i]->pieces;
        fleet->position.number = items[i]->number;
        memcpy(fleet->position.hash, items[i]->hash, FLEET_HASH_LEN);
        int code = journal_append(fleet, err);
        if (code != 0 && i > 0)
            espt_add(err, "; %llu entries were put back before", (unsigned long long)i);
        if (code != 0)
            return code;
    }
    return 0;
}

static int put_back(struct fleet *fleet, const struct kept_list *list,
                    const struct fleet_position *position, uint64_t last, struct espt_error *err)
{
    bool has = false;
    const uint64_t count = position->number - last;
    const struct kept_entry **items = count < SIZE_MAX / sizeof(void *)
                                          ? calloc((size_t)count, sizeof(struct kept_entry *))
                                          : NULL;
    if (items == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    int code = collect(list, position, last + 1, items, err);
    if (code == 0)
        code = fleet_has_entry(fleet, last, items[0]->before, &has, err);
    if (code == 0 && !has)
        code = other_entry(position, last, err);
    if (code == 0)
        code = append_all(fleet, items, count, err);
    free(items);
    return code;
}

static int refill(struct fleet *fleet, struct store *store, const struct fleet_place *place,
                  struct fleet_range *ret_range, struct espt_error *err)
{
    struct fleet_range range;
    struct kept_list list;
    int code = fleet_range(fleet, &range, err);
    if (code != 0)
        return code;
    if (range.last >= place->position.number)
        return replay_fits(fleet, &place->position, err);
    if (range.last == 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "the fleet's journal is empty, so it lacks the fleet's snapshot too; "
                         "nothing was changed; restore the journal from a copy");
    code = kept_read(&list, store->config.store, err);
    if (code == 0)
        code = put_back(fleet, &list, &place->position, range.last, err);
    kept_list_clear(&list);
    if (code == 0)
        *ret_range = (struct fleet_range){range.last + 1, place->position.number};
    return code;
}

int fleet_refill(struct fleet *fleet, struct store *store, struct fleet_range *ret_range,
                 struct espt_error *err)
{
    struct fleet_place place;
    *ret_range = (struct fleet_range){0};
    int code = fleet_place(store, &place, err);
    if (code == 0)
        code = refill(fleet, store, &place, ret_range, err);
    if (code == 0)
        code = tiers_put_back(fleet, &place.position, err);
    return code;
}
