/* SPDX-License-Identifier: ISC */
#include "store/log_history.h"

#include "store/load.h"

#include <stdlib.h>
#include <string.h>

/* One block, so that store_close() can free it without knowing its type. `past` has the items
   twice: in order of name from 0 on, in order of number from `room` on; both then in order of
   `last`. */
struct log_history {
    struct log_head head; /* read up to here */
    size_t count, room;
    bool sorted; /* both orders are complete */
    struct log_past past[];
};

static struct log_history *of(const struct txn *txn)
{
    return txn->store->log_history;
}

static struct log_past *by_number(struct log_history *history)
{
    return history->past + history->room;
}

/* --- reading the log --- */

static bool make_room(struct txn *txn)
{
    struct log_history *history = of(txn);
    if (history != NULL && history->count < history->room)
        return true;
    const size_t room = history != NULL ? 2 * history->room : 64;
    struct log_history *more = calloc(1, sizeof *more + 2 * room * sizeof *more->past);
    if (more == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return false;
    }
    more->room = room;
    if (history != NULL) {
        more->head = history->head;
        more->count = history->count;
        memcpy(more->past, history->past, history->count * sizeof *more->past);
    }
    free(history);
    txn->store->log_history = more;
    return true;
}

static void add(struct txn *txn, const struct entity *entity, uint64_t sequence)
{
    if (!make_room(txn))
        return;
    struct log_past past = {.last = sequence, .number = entity->number};
    memcpy(past.name, entity->name, sizeof past.name);
    memcpy(past.reseller, entity->reseller, sizeof past.reseller);
    struct log_history *history = of(txn);
    history->past[history->count++] = past;
    history->sorted = false;
}

static void read_entry(struct txn *txn, const struct log_entry *entry)
{
    struct log_place place = {0};
    struct log_change change;
    while (txn->code == 0 && log_bytes_next(entry->bytes, &place, &change)) {
        const struct entity *before = &change.before.entity, *after = &change.after.entity;
        if (!change.is_token &&
            (change.what == LOG_REMOVE ||
             (change.what == LOG_SET && (strcmp(before->name, after->name) != 0 ||
                                         strcmp(before->reseller, after->reseller) != 0))))
            add(txn, before, entry->sequence);
    }
}

/* Reads on from the head. False: the log does not contain the head, because another store was
   restored. */
static bool read_on(struct txn *txn)
{
    struct walk walk;
    const struct log_head head = of(txn)->head;
    struct record_key first = key_integer(head.sequence);
    bool found = head.sequence == 0;
    walk_begin(&walk, txn, TABLE_LOG, &first, 0);
    while (walk_next(&walk)) {
        struct log_entry entry;
        struct log_bytes bytes;
        if (!log_decode(&walk.key, walk.value.data, walk.value.len, &bytes, &entry)) {
            txn_damaged(txn, TABLE_LOG, "an entry");
        } else if (!found) {
            found = entry.sequence == head.sequence &&
                    memcmp(entry.hash, head.hash, sizeof head.hash) == 0;
            if (!found)
                break;
        } else {
            read_entry(txn, &entry);
            of(txn)->head.sequence = entry.sequence;
            memcpy(of(txn)->head.hash, entry.hash, sizeof entry.hash);
        }
    }
    walk_end(&walk);
    return found;
}

static int compare_last(const struct log_past *a, const struct log_past *b)
{
    return a->last < b->last ? -1 : a->last > b->last;
}

static int compare_names(const void *left, const void *right)
{
    const struct log_past *a = left, *b = right;
    const int order = strcmp(a->name, b->name);
    return order != 0 ? order : compare_last(a, b);
}

static int compare_numbers(const void *left, const void *right)
{
    const struct log_past *a = left, *b = right;
    return a->number != b->number ? (a->number < b->number ? -1 : 1) : compare_last(a, b);
}

static void forget(struct txn *txn)
{
    free(txn->store->log_history);
    txn->store->log_history = NULL;
}

void log_history_follow(struct txn *txn)
{
    if (of(txn) == NULL && !make_room(txn))
        return;
    if (!read_on(txn) && txn->code == 0) {
        forget(txn);
        (void)(make_room(txn) && read_on(txn));
    }
    if (txn->code != 0) { /* what is incomplete is not believed */
        forget(txn);
        return;
    }
    struct log_history *history = of(txn);
    if (history->sorted)
        return;
    qsort(history->past, history->count, sizeof *history->past, compare_names);
    memcpy(by_number(history), history->past, history->count * sizeof *history->past);
    qsort(by_number(history), history->count, sizeof *history->past, compare_numbers);
    history->sorted = true;
}

/* --- questions --- */

/* The first item that is not before `wanted` in that order. */
static size_t first_from(const struct log_past *past, size_t count, const struct log_past *wanted,
                         int (*compare)(const void *, const void *))
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare(&past[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t log_history_holder(struct txn *txn, const char *name, uint64_t sequence)
{
    const struct log_history *history = of(txn);
    struct log_past wanted = {.last = sequence};
    struct entity entity = {0};
    if (txn->code != 0 || name[0] == '\0')
        return 0;
    memcpy(wanted.name, name, strlen(name) + 1);
    const size_t at = first_from(history->past, history->count, &wanted, compare_names);
    if (at < history->count && strcmp(history->past[at].name, name) == 0)
        return history->past[at].number;
    return load_entity_name(txn, name, &entity) > 0 ? entity.number : 0;
}

const struct log_past *log_history_then(const struct txn *txn, uint32_t number, uint64_t sequence)
{
    struct log_history *history = of(txn);
    const struct log_past wanted = {.number = number, .last = sequence}, *past = by_number(history);
    const size_t at = first_from(past, history->count, &wanted, compare_numbers);
    return at < history->count && past[at].number == number ? &past[at] : NULL;
}

const struct log_past *log_history_last(const struct txn *txn, uint32_t number)
{
    struct log_history *history = of(txn);
    const struct log_past wanted = {.number = number, .last = UINT64_MAX},
                          *past = by_number(history);
    const size_t at = first_from(past, history->count, &wanted, compare_numbers);
    return at > 0 && past[at - 1].number == number ? &past[at - 1] : NULL;
}
