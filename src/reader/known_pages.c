#include "reader/free.h"
#include "reader/known_memory.h"
#include "reader/node.h"

#define ALL_IN_USE ((UINT64_C(1) << PAGES_IN_WORD) - 1)

/* A page is looked for among the free ones once; what was found of it holds on in the snapshots
   that follow one by one, until a transaction frees it. After a few searches all pages are told
   apart at once: that takes as long as they did, and a host of one login does not come so far. */
#define SEARCHES 4

/* Which snapshot a word was written in: 44 bits last for 55 years of 10,000 commits a second. */
static inline uint64_t epoch_of(uint64_t sequence)
{
    return sequence >> 1; /* it is even */
}

static inline uint64_t in_use_word(uint64_t sequence, uint64_t bits)
{
    return epoch_of(sequence) << PAGES_IN_WORD | (bits & ALL_IN_USE);
}

static inline uint64_t bit_of(uint64_t number)
{
    return UINT64_C(1) << number % PAGES_IN_WORD;
}

/* Was it written since `line` began, and no later than at `sequence`? */
static inline bool counts(uint64_t word, uint64_t line, uint64_t sequence)
{
    const uint64_t epoch = word >> PAGES_IN_WORD;
    return epoch >= epoch_of(line) && epoch <= epoch_of(sequence);
}

/* Others have gone on: it is not ours to write. */
static inline bool is_ahead(uint64_t word, uint64_t sequence)
{
    return word >> PAGES_IN_WORD > epoch_of(sequence);
}

static size_t words_of(const struct snapshot *snapshot)
{
    const struct reader *reader = snapshot->reader;
    const size_t mapped = words_for(reader->mapped, reader->page_size);
    const uint64_t used = snapshot->last_page / PAGES_IN_WORD + 1;
    return used < mapped ? (size_t)used : mapped;
}

struct freed {
    struct known *known;
    uint64_t by; /* transaction; 0: all of them */
    uint64_t line, sequence;
    size_t words;
    bool odd; /* the list is no list: its numbers do not fall, or are none of a page */
};

/* The word is written whatever it said, and so has another epoch: who found the page in use in the
   snapshot before, and says so only now, comes too late. */
static void strike_out_one(const struct freed *freed, uint64_t number)
{
    _Atomic uint64_t *word = &freed->known->in_use[number / PAGES_IN_WORD];
    const uint64_t was = look(word);
    const uint64_t bits = counts(was, freed->line, freed->sequence) ? was & ~bit_of(number) : 0;
    set(word, in_use_word(freed->sequence, bits));
}

static bool strike_out(void *arg, uint64_t transaction, const uint8_t *numbers, uint64_t count)
{
    struct freed *freed = arg;
    uint64_t before = UINT64_MAX;
    if (freed->by != 0 && transaction != freed->by)
        return false;
    for (uint64_t i = 0; i < count && !freed->odd; i++) {
        const uint64_t number = integer_of(numbers + i * sizeof number);
        freed->odd = number >= before || number < META_PAGES;
        before = number;
        if (!freed->odd && number / PAGES_IN_WORD < freed->words)
            strike_out_one(freed, number);
    }
    return freed->by == 0 && !freed->odd;
}

static bool strike_out_all(struct known *known, struct snapshot *snapshot, uint64_t by,
                           uint64_t line, uint64_t sequence)
{
    struct freed freed = {known, by, line, sequence, words_of(snapshot), false};
    return free_each(snapshot, strike_out, &freed) == READER_OK && !freed.odd;
}

static void begin_line(struct known *known, struct snapshot *snapshot, uint64_t sequence)
{
    set(&known->word[LINE_FROM], sequence);
    atomic_store_explicit(&known->searches, 0, memory_order_relaxed);
    snapshot->line = sequence;
}

/* In a snapshot that is known: which pages are in use, of all. */
static void tell_apart(struct snapshot *snapshot)
{
    struct known *known = snapshot->reader->known;
    const uint64_t sequence = snapshot->known + 2;
    if (!lock(known, snapshot->known))
        return;
    for (size_t i = 0; i < words_of(snapshot); i++)
        set(&known->in_use[i], in_use_word(sequence, ALL_IN_USE));
    if (!strike_out_all(known, snapshot, 0, sequence, sequence) ||
        reader_end(snapshot) != READER_OK) {
        set(&known->word[TRANSACTION], NOTHING);
    } else {
        begin_line(known, snapshot, sequence);
        snapshot->known = sequence;
    }
    set(&known->sequence, sequence);
}

void known_bring(const struct reader *reader, uint64_t number)
{
    if (reader->known != NULL && number < reader->mapped / reader->page_size)
        bring_line((const void *)&reader->known->in_use[number / PAGES_IN_WORD]);
}

enum reader_status known_in_use(struct snapshot *snapshot, uint64_t number)
{
    struct known *known = snapshot->reader->known;
    if (number > snapshot->last_page)
        return READER_CORRUPT;
    if (snapshot->known == 0)
        return free_search(snapshot, number);
    _Atomic uint64_t *word = &known->in_use[number / PAGES_IN_WORD];
    uint64_t seen = look(word);
    const bool of_line = counts(seen, snapshot->line, snapshot->known);
    if (of_line && (seen & bit_of(number)) != 0)
        return READER_OK;
    enum reader_status status = free_search(snapshot, number);
    if (status == READER_OK && !is_ahead(seen, snapshot->known) &&
        reader_end(snapshot) == READER_OK) {
        const uint64_t found =
            of_line ? seen | bit_of(number) : in_use_word(snapshot->known, bit_of(number));
        (void)atomic_compare_exchange_strong(word, &seen, found);
        if (atomic_fetch_add_explicit(&known->searches, 1, memory_order_relaxed) >= SEARCHES)
            tell_apart(snapshot);
    }
    return status;
}

/* All that a transaction frees is listed under its own number in its own snapshot. */
bool known_go_on(struct known *known, struct snapshot *snapshot, bool next, uint64_t sequence)
{
    snapshot->line = look(&known->word[LINE_FROM]);
    if (next)
        return strike_out_all(known, snapshot, snapshot->transaction, snapshot->line, sequence);
    begin_line(known, snapshot, sequence);
    return true;
}
