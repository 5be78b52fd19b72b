#include "reader/known_memory.h"

#include "reader/node.h"
#include "reader/page.h"

#include <sys/mman.h>

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
    if (known_go_on(known, snapshot, next, sequence) && reader_end(snapshot) == READER_OK) {
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
