#include "reader/known.h"

#include "reader/free.h"
#include "reader/load.h"
#include "reader/node.h"
#include "reader/page.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define PLACES 8192
#define NOTHING UINT64_MAX /* no transaction */
#define NODE_BITS 16       /* of an offset on a page */

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

struct known {
    _Alignas(64) _Atomic uint64_t sequence; /* odd while one writes */
    _Atomic uint64_t word[WORDS];
    atomic_uint searches; /* of the list of free pages, in this line */
    _Alignas(64) struct place_word auth[PLACES], resellers[PLACES];
    _Atomic uint64_t in_use[]; /* of so many pages each: below, which are; above, the epoch */
};
#define PAGES_IN_WORD 20
#define ALL_IN_USE ((UINT64_C(1) << PAGES_IN_WORD) - 1)

static size_t words_for(size_t mapped, uint32_t page_size)
{
    return mapped / page_size / PAGES_IN_WORD + 1;
}

static size_t size_for(size_t mapped, uint32_t page_size)
{
    return sizeof(struct known) + words_for(mapped, page_size) * sizeof(uint64_t);
}

struct known *known_open(size_t mapped, uint32_t page_size)
{
    void *memory = mmap(NULL, size_for(mapped, page_size), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    struct known *known = memory;
    atomic_init(&known->word[TRANSACTION], NOTHING);
    return known;
}

void known_close(struct known *known, size_t mapped, uint32_t page_size)
{
    if (known != NULL)
        munmap(known, size_for(mapped, page_size));
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

/* --- the state and the tables --- */

static void unpack(struct snapshot *snapshot, const uint64_t *word)
{
    snapshot->transaction = word[TRANSACTION];
    snapshot->last_page = word[LAST_PAGE];
    snapshot->free_root = word[FREE_ROOT];
    snapshot->state = (struct state_record){
        .transaction = word[TRANSACTION],
        .revision = word[REVISION],
        .nonce = word[NONCE],
        .next_number = (uint32_t)word[NUMBER],
        .foreign = (word[NUMBER] & FOREIGN) != 0,
    };
    snapshot->auth = (struct tree){word[AUTH_ROOT], (uint16_t)word[DEPTHS]};
    snapshot->resellers = (struct tree){word[RESELLERS_ROOT], (uint16_t)(word[DEPTHS] >> 16)};
}

bool known_recall(struct snapshot *snapshot, const struct metas *metas)
{
    const struct known *known = snapshot->reader->known;
    uint64_t word[WORDS];
    if (known == NULL)
        return false;
    const uint64_t sequence = look(&known->sequence);
    for (size_t i = 0; i < WORDS; i++)
        word[i] = look(&known->word[i]);
    if (sequence % 2 != 0 || !holds(known, sequence) || word[TRANSACTION] != metas->transaction ||
        word[MAIN_ROOT] != metas->root || word[OLDER_ROOT] != metas->older_root ||
        word[FREE_ROOT] != metas->free_root || word[LAST_PAGE] != metas->last_page)
        return false;
    /* MUST 1; where nodes are there is nothing left over from another page */
    if (page_open(snapshot->reader, metas->root, &snapshot->main) != READER_OK ||
        word[NONCE_AT] < snapshot->main.upper ||
        integer_of(snapshot->main.bytes + word[NONCE_AT]) != word[NONCE])
        return false;
    unpack(snapshot, word);
    snapshot->known = sequence;
    snapshot->line = word[LINE_FROM];
    return true;
}

/* --- which pages are in use --- */

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

static bool lock(struct known *known, uint64_t sequence)
{
    return sequence % 2 == 0 &&
           atomic_compare_exchange_strong(&known->sequence, &sequence, sequence + 1);
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

/* Is the snapshot that of the transaction after the one that is known? By its nonce: an id can be
   another's. The state before is whole as long as the one after counts. */
static bool comes_next(const struct known *known, const struct snapshot *snapshot,
                       const struct metas *metas)
{
    struct page before;
    const uint64_t nonce_at = look(&known->word[NONCE_AT]);
    return look(&known->word[TRANSACTION]) == metas->transaction - 1 &&
           look(&known->word[MAIN_ROOT]) == metas->older_root &&
           page_open(snapshot->reader, metas->older_root, &before) == READER_OK &&
           nonce_at >= before.upper &&
           integer_of(before.bytes + nonce_at) == look(&known->word[NONCE]);
}

/* All that a transaction frees is listed under its own number in its own snapshot. */
static bool go_on(struct known *known, struct snapshot *snapshot, bool next, uint64_t sequence)
{
    snapshot->line = look(&known->word[LINE_FROM]);
    if (next)
        return strike_out_all(known, snapshot, snapshot->transaction, snapshot->line, sequence);
    begin_line(known, snapshot, sequence);
    return true;
}

void known_keep(struct snapshot *snapshot, const struct metas *metas)
{
    struct known *known = snapshot->reader->known;
    if (known == NULL)
        return;
    const uint64_t before = look(&known->sequence), sequence = before + 2;
    if (!lock(known, before))
        return;
    const struct state_record *state = &snapshot->state;
    const bool next = comes_next(known, snapshot, metas);
    set(&known->word[TRANSACTION], NOTHING);
    READER_STEP();
    if (go_on(known, snapshot, next, sequence) && reader_end(snapshot) == READER_OK) {
        set(&known->word[MAIN_ROOT], metas->root);
        set(&known->word[OLDER_ROOT], metas->older_root);
        set(&known->word[FREE_ROOT], metas->free_root);
        set(&known->word[LAST_PAGE], metas->last_page);
        set(&known->word[NONCE], state->nonce);
        set(&known->word[NONCE_AT], snapshot->nonce_at);
        set(&known->word[REVISION], state->revision);
        set(&known->word[NUMBER], state->next_number | (state->foreign ? FOREIGN : 0));
        set(&known->word[AUTH_ROOT], snapshot->auth.root);
        set(&known->word[RESELLERS_ROOT], snapshot->resellers.root);
        set(&known->word[DEPTHS], snapshot->auth.depth | (uint64_t)snapshot->resellers.depth << 16);
        set(&known->word[TRANSACTION], metas->transaction);
        snapshot->known = sequence;
    }
    set(&known->sequence, sequence);
}

/* --- where records lie --- */

static inline uint64_t spread(uint64_t key)
{
    return key * UINT64_C(0x9e3779b97f4a7c15);
}

static inline size_t index_of(uint64_t key)
{
    return (size_t)(spread(key) >> 40) % PLACES;
}

/* Where the place of that key is kept, or NULL. */
static inline struct place_word *place_of(struct known *known, enum table table, uint64_t key)
{
    if (known == NULL)
        return NULL;
    return table == TABLE_AUTH        ? &known->auth[index_of(key)]
           : table == TABLE_RESELLERS ? &known->resellers[index_of(key)]
                                      : NULL;
}

void known_bring_place(const struct reader *reader, enum table table, uint64_t key)
{
    const struct place_word *place = place_of(reader->known, table, key);
    if (place != NULL)
        bring_line(place);
}

bool known_place(const struct snapshot *snapshot, enum table table, uint64_t key,
                 uint64_t *ret_page, uint32_t *ret_node)
{
    const uint64_t nonce = snapshot->state.nonce;
    const struct place_word *place = place_of(snapshot->reader->known, table, key);
    if (place == NULL || look(&place->whose) != (spread(key) ^ nonce))
        return false;
    READER_STEP();
    const uint64_t where = look(&place->where) ^ nonce;
    *ret_page = where >> NODE_BITS;
    *ret_node = (uint32_t)(where & ((UINT64_C(1) << NODE_BITS) - 1));
    return *ret_node != 0;
}

void known_tell(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                uint64_t page, uint32_t node)
{
    struct place_word *place = place_of(reader->known, table, key);
    if (place == NULL)
        return;
    set(&place->whose, spread(key) ^ nonce);
    READER_STEP();
    set(&place->where, (page << NODE_BITS | node) ^ nonce);
}
