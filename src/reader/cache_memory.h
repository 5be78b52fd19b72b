/* SPDX-License-Identifier: ISC */
/*
 * The memory of the snapshot cache, for its three files: cache.c (state and tables, under a
 * seqlock), cache_pages.c (facts about pages) and cache_places.c (places of records).
 */
#ifndef ESPT_READER_CACHE_MEMORY_H
#define ESPT_READER_CACHE_MEMORY_H

#include "reader/cache.h"
#include "reader/load.h"

#include <stdatomic.h>

#define PLACE_SETS 4096
#define PAGES_IN_WORD 10

/* One snapshot, as words that a thread may load while another stores them. */
enum word {
    TRANSACTION, /* 0: the cache holds no snapshot */
    MAIN_ROOT,
    OLDER_ROOT,
    FREE_ROOT,
    LAST_PAGE,
    NONCE,
    REVISION,
    NUMBER, /* the next entity number; the flag is above it */
    FRESH,  /* position.fresh of a store of a fleet */
    AUTH_ROOT,
    RESELLERS_ROOT,
    DEPTHS,   /* the depths of both tables */
    STATE_AT, /* the state record's offset on the main database's root page */
    BASE,     /* facts about pages are valid since this sequence */
    WORDS
};
#define FOREIGN (UINT64_C(1) << 32)

/* Key, nonce and place of one record. Both words hold the nonce, so that halves of two entries do
   not match. */
struct place_word {
    _Atomic uint64_t whose, where;
};

/* Keys that share a set. A set fits in one cache line. */
#define PLACES_IN_SET 2
struct place_set {
    _Alignas(32) struct place_word place[PLACES_IN_SET];
};

struct cache {
    _Alignas(64) _Atomic uint64_t sequence; /* of the seqlock: odd while a thread writes */
    _Atomic uint64_t word[WORDS];
    _Alignas(64) struct place_set auth[PLACE_SETS], resellers[PLACE_SETS];
    _Atomic uint64_t pages[]; /* PAGES_IN_WORD each: cache_pages.c */
};

/* The length of `pages` for a mapping of `mapped` bytes. */
static inline size_t words_for(size_t mapped, uint32_t page_size)
{
    return mapped / page_size / PAGES_IN_WORD + 1;
}

static inline uint64_t load_word(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static inline void store_word(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

/* Carries the facts about pages over to a snapshot that is about to be stored. `follows`: its
   transaction is the one right after that of the cached snapshot. False: no fact could be carried
   over. */
ESPT_MUST_USE bool cache_follow(struct cache *cache, struct snapshot *snapshot, bool follows,
                                uint64_t sequence);

#endif
