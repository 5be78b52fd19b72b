/* SPDX-License-Identifier: ISC */
/*
 * Fibonacci hashing (Knuth, "The Art of Computer Programming", volume 3, section 6.4). It
 * distributes consecutive keys, and keys that differ in few bits, over all values. The upper bits
 * of the product are distributed best.
 */
#ifndef ESPT_COMMON_SPREAD_H
#define ESPT_COMMON_SPREAD_H

#include <stdint.h>

static inline uint64_t spread(uint64_t key)
{
    return key * UINT64_C(0x9e3779b97f4a7c15);
}

/* Maps the key to 0 to `count` - 1. */
static inline uint64_t spread_below(uint64_t key, uint64_t count)
{
    return (uint64_t)(((unsigned __int128)spread(key) * count) >> 64);
}

#endif
