/*
 * Which ids may be in a table that is full: a Bloom filter, blocked by words (Putze, Sanders,
 * Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007), of three bits for each id in a
 * word that four share on average. It says of no id that it is not there if it is; of one in a
 * hundred that are not, it says that they may be.
 *
 * Any number of threads may add and ask.
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

/* For so many ids, two bytes each; what is not written takes none. False: no memory. */
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
