/*
 * Counting uses: each allowed token's count and last time, in a file of this context's own that is
 * mapped into memory (common/usage.h), so that esp-tokenctl sees them at once, nothing is lost when
 * the process is killed, and forked children count on.
 *
 * MUST 1: counting is memory alone: no system call, no lock, no allocation; what cannot be counted
 *         changes no verdict.
 * MUST 2: a store to the mapping must never fail: every block is reserved at open, on a file
 *         system that keeps it, and no signal for a file-size limit is ever met.
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
    struct bloom placed; /* the ids in it, once it is full: no place is ever given up */
    atomic_bool full;
    atomic_bool lost, told; /* a use found no place; and that was said */
};

/* By [usage] of the config. If that cannot be, it counts nothing, and says so once in the log. */
void usage_open(struct espt_ctx *ctx);
/* Once a second: says once that the file is full, and notes what is in it. */
void usage_look(struct espt_ctx *ctx);
void usage_close(struct espt_ctx *ctx);

/* A token without a place in its home bucket. */
void usage_count_beyond(struct usage *usage, uint64_t id, uint32_t when);

static inline void usage_bump(struct usage_bucket *bucket, unsigned place, uint32_t when)
{
    /* the time first: a count that is seen has one */
    if (atomic_load_explicit(&bucket->last[place], memory_order_relaxed) < when)
        atomic_store_explicit(&bucket->last[place], when, memory_order_relaxed);
    atomic_fetch_add_explicit(&bucket->uses[place], 1, memory_order_release);
}

/* Then the table itself, of many thousand lines of memory, need not be looked at. */
static inline bool usage_has_no_place(const struct usage *usage, uint64_t id)
{
    return atomic_load_explicit(&usage->full, memory_order_acquire) &&
           !bloom_may_hold(&usage->placed, id);
}

/* As soon as the id is known: the line is there when it is counted. */
static inline void usage_prefetch(struct espt_ctx *ctx, uint64_t id)
{
    struct usage *usage = ctx->usage;
    if (usage != NULL && !usage_has_no_place(usage, id))
        __builtin_prefetch(&usage->bucket[usage_home(id, usage->buckets)], 1);
}

/* An allowed token; `now` is the clock's, in Unix seconds. */
static inline void usage_count(struct espt_ctx *ctx, uint64_t id, int64_t now)
{
    struct usage *usage = ctx->usage;
    if (usage == NULL || id == 0 || usage_has_no_place(usage, id))
        return;
    const int64_t since = now - USAGE_EPOCH; /* in 2156 they are used up */
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
