/* SPDX-License-Identifier: ISC */
#include "reader/cache_memory.h"

#include "reader/confirm.h"
#include "reader/page.h"

#include <sys/mman.h>

static size_t size_for(size_t mapped, uint32_t page_size)
{
    return sizeof(struct cache) + words_for(mapped, page_size) * sizeof(uint64_t);
}

struct cache *cache_open(size_t mapped, uint32_t page_size)
{
    const size_t size = size_for(mapped, page_size);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    /* MUST 4. Linux before 4.14 does not support this advice. There, a child that was forked while
       another thread wrote to the cache works without the cache. */
    (void)!madvise(memory, size, MADV_WIPEONFORK);
    return memory;
}

void cache_close(struct cache *cache, size_t mapped, uint32_t page_size)
{
    if (cache != NULL)
        munmap(cache, size_for(mapped, page_size));
}

static void unpack(struct snapshot *snapshot, const uint64_t *word)
{
    snapshot->transaction = word[TRANSACTION];
    snapshot->root = word[MAIN_ROOT];
    snapshot->last_page = word[LAST_PAGE];
    snapshot->free_root = word[FREE_ROOT];
    snapshot->state_at = (uint32_t)word[STATE_AT];
    /* of the position, look-ups need this field alone */
    struct state_record *state = &snapshot->state;
    state->transaction = word[TRANSACTION];
    state->revision = word[REVISION];
    state->nonce = word[NONCE];
    state->next_number = (uint32_t)word[NUMBER];
    state->closed = false;
    state->foreign = (word[NUMBER] & FOREIGN) != 0;
    state->position.fresh = (int64_t)word[FRESH];
    snapshot->auth = (struct tree){word[AUTH_ROOT], (uint16_t)word[DEPTHS]};
    snapshot->resellers = (struct tree){word[RESELLERS_ROOT], (uint16_t)(word[DEPTHS] >> 16)};
}

/* MUST 1: does that root page hold the state that these words describe? */
static bool is_state(struct reader *reader, const struct page *root, const uint64_t *word)
{
    const struct state_id cached = state_id_of(reader, word[NONCE], word[REVISION]);
    struct state_id now;
    return state_id_on(reader, root, word[STATE_AT], &now) && state_same(&now, &cached);
}

bool cache_recall(struct snapshot *snapshot, const struct metas *metas)
{
    const struct cache *cache = snapshot->reader->cache;
    uint64_t word[WORDS];
    if (cache == NULL)
        return false;
    const uint64_t sequence = load_word(&cache->sequence);
    for (size_t i = 0; i < WORDS; i++)
        word[i] = load_word(&cache->word[i]);
    READER_STEP();
    if (sequence % 2 != 0 || load_word(&cache->sequence) != sequence || word[TRANSACTION] == 0 ||
        word[TRANSACTION] != metas->transaction || word[MAIN_ROOT] != metas->root ||
        word[OLDER_ROOT] != metas->older_root || word[FREE_ROOT] != metas->free_root ||
        word[LAST_PAGE] != metas->last_page)
        return false;
    if (page_open(snapshot->reader, metas->root, &snapshot->main) != READER_OK ||
        !is_state(snapshot->reader, &snapshot->main, word))
        return false;
    unpack(snapshot, word);
    snapshot->cached = sequence;
    snapshot->base = word[BASE];
    return true;
}

/* True: the cached snapshot is that of the transaction right before this one. It is still valid,
   because its successor is the newest. */
static bool follows(const struct cache *cache, const struct snapshot *snapshot,
                    const struct metas *metas)
{
    struct page before;
    uint64_t word[WORDS];
    for (size_t i = 0; i < WORDS; i++)
        word[i] = load_word(&cache->word[i]);
    return word[TRANSACTION] != 0 && word[TRANSACTION] == metas->transaction - 1 &&
           word[MAIN_ROOT] == metas->older_root &&
           page_open(snapshot->reader, metas->older_root, &before) == READER_OK &&
           is_state(snapshot->reader, &before, word);
}

static void store_words(struct cache *cache, const struct snapshot *snapshot,
                        const struct metas *metas)
{
    const struct state_record *state = &snapshot->state;
    const uint64_t word[WORDS] = {
        [MAIN_ROOT] = metas->root,
        [OLDER_ROOT] = metas->older_root,
        [FREE_ROOT] = metas->free_root,
        [LAST_PAGE] = metas->last_page,
        [NONCE] = state->nonce,
        [REVISION] = state->revision,
        [NUMBER] = state->next_number | (state->foreign ? FOREIGN : 0),
        [FRESH] = state->fleet ? (uint64_t)state->position.fresh : 0,
        [AUTH_ROOT] = snapshot->auth.root,
        [RESELLERS_ROOT] = snapshot->resellers.root,
        [DEPTHS] = snapshot->auth.depth | (uint64_t)snapshot->resellers.depth << 16,
        [STATE_AT] = snapshot->state_at,
        [BASE] = snapshot->base,
    };
    for (size_t i = MAIN_ROOT; i < WORDS; i++)
        store_word(&cache->word[i], word[i]);
    store_word(&cache->word[TRANSACTION], metas->transaction);
}

void cache_store(struct snapshot *snapshot, const struct metas *metas)
{
    struct cache *cache = snapshot->reader->cache;
    if (cache == NULL)
        return;
    uint64_t before = load_word(&cache->sequence);
    const uint64_t sequence = before + 2;
    if (before % 2 != 0 || !atomic_compare_exchange_strong(&cache->sequence, &before, before + 1))
        return;
    const bool next = follows(cache, snapshot, metas);
    store_word(&cache->word[TRANSACTION], 0);
    READER_STEP();
    if (cache_follow(cache, snapshot, next, sequence) && confirm_state(snapshot) == READER_OK) {
        store_words(cache, snapshot, metas);
        snapshot->cached = sequence;
    }
    store_word(&cache->sequence, sequence);
}
