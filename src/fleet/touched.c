/* SPDX-License-Identifier: ISC */
#include "fleet/touched.h"

#include "fleet/ops.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const struct touched *touched, enum table table,
                        const struct record_key *key)
{
    uint8_t bytes[1 + RECORD_KEY_MAX];
    uint64_t hash;
    bytes[0] = (uint8_t)table;
    memcpy(bytes + 1, key->bytes, key->len);
    crypto_shorthash((uint8_t *)&hash, bytes, 1 + key->len, touched->hash_key);
    return hash;
}

static bool is_it(const struct touch *touch, enum table table, const struct record_key *key)
{
    return touch->table == table && touch->key.len == key->len &&
           memcmp(touch->key.bytes, key->bytes, key->len) == 0;
}

/* The slot of the key, or the free one where it belongs. */
static uint32_t *find(const struct touched *touched, enum table table, const struct record_key *key)
{
    size_t at = hash_of(touched, table, key) & (touched->slot_count - 1);
    while (touched->slots[at] != 0 && !is_it(touched->items[touched->slots[at] - 1], table, key))
        at = (at + 1) & (touched->slot_count - 1);
    return &touched->slots[at];
}

/* Keeps at least half of the slots free. */
static bool grow(struct touched *touched)
{
    if (touched->count < touched->room)
        return true;
    const size_t room = touched->room == 0 ? 64 : 2 * touched->room;
    struct touch **items = reallocarray(touched->items, room, sizeof(struct touch *));
    if (items == NULL)
        return false;
    touched->items = items;
    uint32_t *slots = calloc(2 * room, sizeof *slots);
    if (slots == NULL)
        return false;
    if (touched->room == 0)
        randombytes_buf(touched->hash_key, sizeof touched->hash_key);
    free(touched->slots);
    touched->slots = slots;
    touched->slot_count = 2 * room;
    touched->room = room;
    for (size_t i = 0; i < touched->count; i++)
        *find(touched, items[i]->table, &items[i]->key) = (uint32_t)i + 1;
    return true;
}

static struct touch *new_touch(struct txn *txn, enum table table, const struct record_key *key)
{
    struct record_value value = {0};
    const int found = txn_get(txn, table, key, &value);
    if (found < 0)
        return NULL;
    struct touch *touch = malloc(sizeof *touch + value.len);
    if (touch == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return NULL;
    }
    *touch = (struct touch){
        .table = table, .key = *key, .existed = found > 0, .old_len = (uint16_t)value.len};
    if (value.len > 0)
        memcpy(touch->old, value.data, value.len);
    return touch;
}

void touched_note(struct touched *touched, struct txn *txn, enum table table,
                  const struct record_key *key)
{
    if (!grow(touched)) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    uint32_t *slot = find(touched, table, key);
    if (*slot != 0)
        return;
    struct touch *touch = new_touch(txn, table, key);
    if (touch == NULL)
        return;
    touched->items[touched->count++] = touch;
    *slot = (uint32_t)touched->count;
}

static int by_table_and_key(const void *a, const void *b)
{
    const struct touch *left = *(const struct touch *const *)a;
    const struct touch *right = *(const struct touch *const *)b;
    const int order = table_order(left->table) - table_order(right->table);
    return order != 0 ? order : key_compare(left->table, &left->key, &right->key);
}

void touched_sort(struct touched *touched)
{
    if (touched->count > 0)
        qsort(touched->items, touched->count, sizeof(struct touch *), by_table_and_key);
}

void touched_clear(struct touched *touched)
{
    for (size_t i = 0; i < touched->count; i++) {
        sodium_memzero(touched->items[i]->old, touched->items[i]->old_len);
        free(touched->items[i]);
    }
    free(touched->items);
    free(touched->slots);
    *touched = (struct touched){0};
}
