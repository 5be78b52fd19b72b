/* SPDX-License-Identifier: ISC */
#include "fleet/sum.h"

#include "fleet/ops.h"

#include <endian.h>
#include <string.h>

#define WORDS (FLEET_HASH_LEN / sizeof(uint64_t))

static void hash_record(enum table table, const struct record_key *key, const void *value,
                        size_t len, uint64_t ret[static WORDS])
{
    crypto_generichash_state state;
    const uint8_t head[2] = {(uint8_t)table_name(table)[0], (uint8_t)key->len};
    crypto_generichash_init(&state, NULL, 0, FLEET_HASH_LEN);
    crypto_generichash_update(&state, head, sizeof head);
    crypto_generichash_update(&state, key->bytes, key->len);
    crypto_generichash_update(&state, value, len);
    crypto_generichash_final(&state, (uint8_t *)ret, FLEET_HASH_LEN);
}

static void change(uint8_t sum[static FLEET_HASH_LEN], const uint64_t hash[static WORDS], bool add)
{
    uint64_t words[WORDS];
    memcpy(words, sum, sizeof words);
    for (size_t i = 0; i < WORDS; i++) {
        const uint64_t now = le64toh(words[i]), one = le64toh(hash[i]);
        words[i] = htole64(add ? now + one : now - one);
    }
    memcpy(sum, words, sizeof words);
}

static void change_both(struct sums *sums, enum table table, const struct record_key *key,
                        const void *value, size_t len, bool add)
{
    uint64_t hash[WORDS];
    uint8_t stripped[RECORD_MAX];
    hash_record(table, key, value, len, hash);
    change(sums->all, hash, add);
    if (!part_has(PART_EDGE, table))
        return;
    if (table == TABLE_ENTITIES) {
        const size_t stripped_len = entity_strip(key, value, len, stripped);
        hash_record(table, key, stripped, stripped_len, hash);
    }
    change(sums->edge, hash, add);
}

void sums_add(struct sums *sums, enum table table, const struct record_key *key, const void *value,
              size_t len)
{
    change_both(sums, table, key, value, len, true);
}

void sums_subtract(struct sums *sums, enum table table, const struct record_key *key,
                   const void *value, size_t len)
{
    change_both(sums, table, key, value, len, false);
}

bool table_shared(enum table table)
{
    return part_has(PART_EDGE, table) || part_has(PART_VAULT, table);
}

void sums_of(struct sums *ret_sums, struct txn *txn)
{
    *ret_sums = (struct sums){0};
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        struct walk walk;
        if (!table_shared(t))
            continue;
        walk_begin(&walk, txn, t, NULL, 0);
        while (walk_next(&walk))
            sums_add(ret_sums, t, &walk.key, walk.value.data, walk.value.len);
        walk_end(&walk);
    }
}
