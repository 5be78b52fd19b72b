/* SPDX-License-Identifier: ISC */
/*
 * A blocked Bloom filter (Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom
 * Filters", 2007) for the ids in a full table. A block is one 64-bit word, which four ids share on
 * average; each id sets three bits of it. There are no false negatives. About one absent id in a
 * hundred is a false positive.
 *
 * Any number of threads may call bloom_add() and bloom_may_hold() at once.
 */
#ifndef VALIDATOR_BLOOM_H
#define VALIDATOR_BLOOM_H

#include "common/spread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOOM_IDS_IN_WORD 4

struct bloom {
    _Atomic uint64_t *word; /* owned */
    size_t words;
};

/* Reserves two bytes for each of `ids`. Pages that are never written use no memory. False: out of
   memory. */
bool bloom_open(struct bloom *ret_bloom, size_t ids);
void bloom_close(struct bloom *bloom);

static inline _Atomic uint64_t *bloom_word(const struct bloom *bloom, uint64_t id)
{
    return &bloom->word[spread_below(id, bloom->words)];
}

static inline uint64_t bloom_bits(uint64_t id)
{
    const uint64_t hash = spread(id);
    return UINT64_C(1) << (hash >> 18 & 63) | UINT64_C(1) << (hash >> 24 & 63) |
           UINT64_C(1) << (hash >> 30 & 63);
}

static inline void bloom_add(const struct bloom *bloom, uint64_t id)
{
    atomic_fetch_or(bloom_word(bloom, id), bloom_bits(id));
}

static inline bool bloom_may_hold(const struct bloom *bloom, uint64_t id)
{
    const uint64_t bits = bloom_bits(id);
    return (atomic_load_explicit(bloom_word(bloom, id), memory_order_relaxed) & bits) == bits;
}

#endif
