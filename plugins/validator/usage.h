/* SPDX-License-Identifier: ISC */
/*
 * Counts the uses of each allowed token and the time of its last use. Each context has a file of
 * its own, which is mapped into memory (common/usage.h). So esp-tokenctl sees the counts at once,
 * a killed process loses none, and forked children continue to count.
 *
 * MUST 1: counting only accesses memory: no system call, no lock, no allocation. A use that cannot
 *         be counted changes no verdict.
 * MUST 2: a write to the mapping must never fail. Every block is reserved at open, on a file system
 *         that keeps reserved blocks, and the file-size limit is checked first (no SIGXFSZ).
 */
#ifndef VALIDATOR_USAGE_H
#define VALIDATOR_USAGE_H

#include "bloom.h"
#include "common/usage.h"
#include "context.h"

struct usage {
    struct usage_bucket *bucket;
    uint32_t buckets;
    uint32_t tokens;
    struct usage_header *header; /* the mapping */
    size_t size;
    struct bloom placed;  /* the ids in the file, filled when it is full; places are never freed */
    atomic_bool full;     /* `placed` is filled */
    atomic_bool lost;     /* a use was not counted, because there was no place */
    atomic_bool reported; /* `lost` was logged */
};

/* Opens a file as [usage] of the config says. If that fails, logs it, and uses are not counted. */
void usage_open(struct espt_ctx *ctx);
/* Call this once a second. Fills the Bloom filter when the file is full, and logs lost uses once.
 */
void usage_check(struct espt_ctx *ctx);
void usage_close(struct espt_ctx *ctx);

/* Counts a token that has no place in its home bucket: searches the next ones, and claims a place.
 */
void usage_count_beyond(struct usage *usage, uint64_t id, uint32_t when);

static inline void usage_bump(struct usage_bucket *bucket, unsigned place, uint32_t when)
{
    /* the time first, so that a reader who sees the count finds a time */
    if (atomic_load_explicit(&bucket->last[place], memory_order_relaxed) < when)
        atomic_store_explicit(&bucket->last[place], when, memory_order_relaxed);
    atomic_fetch_add_explicit(&bucket->uses[place], 1, memory_order_release);
}

/* Whether the file is full and the id is not in it. This avoids a cache miss in the large table. */
static inline bool usage_has_no_place(const struct usage *usage, uint64_t id)
{
    return atomic_load_explicit(&usage->full, memory_order_acquire) &&
           !bloom_may_hold(&usage->placed, id);
}

/* Prefetches the cache line of the id's home bucket. Call this as soon as the id is known. */
static inline void usage_prefetch(struct espt_ctx *ctx, uint64_t id)
{
    struct usage *usage = ctx->usage;
    if (usage != NULL && !usage_has_no_place(usage, id))
        __builtin_prefetch(&usage->bucket[usage_home(id, usage->buckets)], 1);
}

/* Counts one use of an allowed token. `now` is the clock's time in Unix seconds. */
static inline void usage_count(struct espt_ctx *ctx, uint64_t id, int64_t now)
{
    struct usage *usage = ctx->usage;
    if (usage == NULL || id == 0 || usage_has_no_place(usage, id))
        return;
    const int64_t since = now - USAGE_EPOCH; /* 32 bits last until 2156 */
    const uint32_t when = since <= 0 ? 1 : since < UINT32_MAX ? (uint32_t)since : UINT32_MAX;
    struct usage_bucket *bucket = &usage->bucket[usage_home(id, usage->buckets)];
    for (unsigned i = 0; i < USAGE_PLACES; i++) {
        if (atomic_load_explicit(&bucket->id[i], memory_order_relaxed) == id) {
            usage_bump(bucket, i, when);
            return;
        }
    }
    usage_count_beyond(usage, id, when);
}

#endif
