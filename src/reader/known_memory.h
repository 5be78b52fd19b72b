/*
 * The memory behind known.h, for its three files: known.c (state and tables), known_pages.c (which
 * pages are in use) and known_places.c (where records lie).
 */
#ifndef ESPT_READER_KNOWN_MEMORY_H
#define ESPT_READER_KNOWN_MEMORY_H

#include "reader/known.h"
#include "reader/load.h"

#include <stdatomic.h>

#define NOTHING UINT64_MAX /* no transaction */
#define PLACE_SETS 4096
#define PAGES_IN_WORD 20

/* One snapshot, in words that threads may load while another stores them. */
enum word {
    TRANSACTION,
    MAIN_ROOT,
    OLDER_ROOT,
    FREE_ROOT,
    LAST_PAGE,
    NONCE,
    REVISION,
    NUMBER, /* and the flags above it */
    AUTH_ROOT,
    RESELLERS_ROOT,
    DEPTHS,    /* of both */
    NONCE_AT,  /* on the main database's root page */
    LINE_FROM, /* the sequence since when each snapshot that was known came after the one before */
    WORDS
};
#define FOREIGN (UINT64_C(1) << 32)

/* Of which key in which snapshot, and where. The nonce is in both, so that halves of two entries
   make no sense. */
struct place_word {
    _Atomic uint64_t whose, where;
};

/* Of keys that meet in it; within one line of memory. */
#define PLACES_IN_SET 2
struct place_set {
    _Alignas(32) struct place_word place[PLACES_IN_SET];
};

struct known {
    _Alignas(64) _Atomic uint64_t sequence; /* odd while one writes */
    _Atomic uint64_t word[WORDS];
    atomic_uint searches; /* of the list of free pages, in this line */
    _Alignas(64) struct place_set auth[PLACE_SETS], resellers[PLACE_SETS];
    _Atomic uint64_t in_use[]; /* of so many pages each: below, which are; above, the epoch */
};

/* Of in_use, for a mapping of so many bytes. */
static inline size_t words_for(size_t mapped, uint32_t page_size)
{
    return mapped / page_size / PAGES_IN_WORD + 1;
}

static inline uint64_t look(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static inline void set(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

/* Nobody wrote since `sequence` was read. */
static inline bool holds(const struct known *known, uint64_t sequence)
{
    READER_STEP();
    return look(&known->sequence) == sequence;
}

/* False: another writes, or has written. */
static inline bool lock(struct known *known, uint64_t sequence)
{
    return sequence % 2 == 0 &&
           atomic_compare_exchange_strong(&known->sequence, &sequence, sequence + 1);
}

/* The pages of a snapshot that is about to be known: `next`, it is that of the transaction after
   the one that is. False: nothing can be said. */
ESPT_MUST_USE bool known_go_on(struct known *known, struct snapshot *snapshot, bool next,
                               uint64_t sequence);

#endif
