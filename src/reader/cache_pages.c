/* SPDX-License-Identifier: ISC */
/*
 * Two facts about each page, as bits: it is in use, and it was found sound. One word holds both
 * bits for PAGES_IN_WORD pages. The bits above them hold the epoch in which the word was written,
 * so that a late thread that still works on an older snapshot changes nothing.
 *
 * A fact stays valid in each directly following snapshot, until the free list of one of them names
 * the page. A snapshot that does not directly follow the cached one begins without facts (`base`).
 */
#include "reader/cache_memory.h"
#include "reader/confirm.h"
#include "reader/freelist.h"

#define EPOCH_AT (2 * PAGES_IN_WORD)
#define FACTS ((UINT64_C(1) << EPOCH_AT) - 1)
/* The most pages that one transaction may free before all facts are dropped. This bounds the work
   of one look-up; above this limit, dropping all facts is cheaper than clearing each. */
#define STRIKES_MAX 1024

/* 44 bits last for 55 years at 10,000 commits a second. */
static inline uint64_t epoch_of(uint64_t sequence)
{
    return sequence >> 1; /* the sequence is even */
}

static inline uint64_t page_word(uint64_t sequence, uint64_t facts)
{
    return epoch_of(sequence) << EPOCH_AT | (facts & FACTS);
}

static inline uint64_t in_use_bit(uint64_t number)
{
    return UINT64_C(1) << number % PAGES_IN_WORD;
}

static inline uint64_t sound_bit(uint64_t number)
{
    return in_use_bit(number) << PAGES_IN_WORD;
}

/* True: the word was written at `base` or later, and not after `sequence`. */
static inline bool counts(uint64_t word, uint64_t base, uint64_t sequence)
{
    const uint64_t epoch = word >> EPOCH_AT;
    return epoch >= epoch_of(base) && epoch <= epoch_of(sequence);
}

/* NULL: the page is not within the mapping. */
static inline _Atomic uint64_t *word_of(const struct reader *reader, uint64_t number)
{
    return number < reader->mapped / reader->page_size
               ? &reader->cache->pages[number / PAGES_IN_WORD]
               : NULL;
}

void cache_prefetch_page(const struct reader *reader, uint64_t number)
{
    const void *word = reader->cache != NULL ? (const void *)word_of(reader, number) : NULL;
    if (word != NULL)
        prefetch_line(word);
}

static bool knows(const struct snapshot *snapshot, uint64_t number, uint64_t fact)
{
    const _Atomic uint64_t *word = snapshot->cached != 0 ? word_of(snapshot->reader, number) : NULL;
    if (word == NULL)
        return false;
    const uint64_t seen = load_word(word);
    return (seen & fact) != 0 && counts(seen, snapshot->base, snapshot->cached);
}

/* Notes a fact that the caller has just found. If the word was written for a later snapshot, it is
   left as it is. */
static void note_fact(const struct snapshot *snapshot, uint64_t number, uint64_t fact)
{
    _Atomic uint64_t *word = snapshot->cached != 0 ? word_of(snapshot->reader, number) : NULL;
    if (word == NULL)
        return;
    uint64_t seen = load_word(word);
    if (seen >> EPOCH_AT > epoch_of(snapshot->cached) || confirm_state(snapshot) != READER_OK)
        return;
    const uint64_t found = counts(seen, snapshot->base, snapshot->cached)
                               ? seen | fact
                               : page_word(snapshot->cached, fact);
    (void)atomic_compare_exchange_strong(word, &seen, found);
}

enum reader_status cache_page_in_use(struct snapshot *snapshot, uint64_t number)
{
    if (number > snapshot->last_page)
        return READER_CORRUPT;
    if (knows(snapshot, number, in_use_bit(number)))
        return READER_OK;
    enum reader_status status = freelist_search(snapshot, number);
    if (status == READER_OK)
        note_fact(snapshot, number, in_use_bit(number));
    return status;
}

bool cache_page_is_sound(const struct snapshot *snapshot, uint64_t number)
{
    return knows(snapshot, number, sound_bit(number));
}

void cache_note_sound(struct snapshot *snapshot, uint64_t number)
{
    note_fact(snapshot, number, sound_bit(number));
}

/* Always writes the word, even if it held no fact, so that it gets a new epoch. A late thread that
   found the page in use in the previous snapshot then cannot note it. */
static void strike_out(const struct snapshot *snapshot, uint64_t sequence, uint64_t number)
{
    _Atomic uint64_t *word = word_of(snapshot->reader, number);
    if (word == NULL)
        return;
    const uint64_t was = load_word(word), struck = in_use_bit(number) | sound_bit(number);
    store_word(word,
               page_word(sequence, counts(was, snapshot->base, sequence) ? was & ~struck : 0));
}

/* The snapshot's own free list holds, under the transaction's id, every page that it freed. */
bool cache_follow(struct cache *cache, struct snapshot *snapshot, bool follows, uint64_t sequence)
{
    const uint8_t *numbers;
    uint64_t count = 0, before = UINT64_MAX;
    snapshot->base = load_word(&cache->word[BASE]);
    if (!follows || freelist_newest(snapshot, &numbers, &count) != READER_OK ||
        count > STRIKES_MAX) {
        snapshot->base = sequence;
        return true;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t number = load64_anywhere(numbers + i * sizeof number);
        if (number >= before || number < META_PAGES) /* not a valid list: page numbers must fall */
            return false;
        before = number;
        strike_out(snapshot, sequence, number);
    }
    return true;
}
