/* SPDX-License-Identifier: ISC */
/*
 * The identity of one committed state of a store. Every place that asks "is this still the same
 * state?" asks state_same(): the end of a look-up, a writer that has taken the lock, a host that
 * reopens the store, a private copy.
 *
 * A transaction id does not identify a state: LMDB uses it again after a commit that failed. A path
 * does not either: `restore` puts another file there.
 */
#ifndef ESPT_COMMON_STATE_H
#define ESPT_COMMON_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct state_id {
    uint64_t dev, ino; /* of the store's file */
    uint64_t nonce;    /* 64 random bits that the transaction drew; 0: no state */
    uint64_t revision; /* rises with every change, and never falls */
};

/* Whether both are states of one file. */
static inline bool state_same_file(const struct state_id *a, const struct state_id *b)
{
    return a->ino == b->ino && a->dev == b->dev;
}

static inline bool state_same(const struct state_id *a, const struct state_id *b)
{
    return a->nonce == b->nonce && a->revision == b->revision && state_same_file(a, b);
}

/* Whether a process that has answered from `last` may answer from `next`. It may not if the
   revision of `next` is lower. */
static inline bool state_may_follow(const struct state_id *last, const struct state_id *next)
{
    return next->revision >= last->revision;
}

#endif
