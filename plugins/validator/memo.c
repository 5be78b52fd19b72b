#include "memo.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a well-formed text, all but this is in its id. */
#define REST_AT (sizeof TOKEN_PREFIX - 1 + TOKEN_ID_LEN + 1)
#define REST_LEN (TOKEN_TEXT_LEN - REST_AT)

_Static_assert(sizeof(struct memo_entry) == 64, "a cache line each");
_Static_assert(MEMO_KEY_LEN == crypto_shorthash_siphashx24_KEYBYTES, "libsodium's key");

struct tag {
    uint64_t word[2];
};
_Static_assert(sizeof(struct tag) == crypto_shorthash_siphashx24_BYTES, "128 bits");

static struct tag tag_of(const struct memo *memo, const char *text)
{
    struct tag tag;
    crypto_shorthash_siphashx24((unsigned char *)&tag, (const unsigned char *)text + REST_AT,
                                REST_LEN, memo->key);
    return tag;
}

struct memo *memo_open(void)
{
    struct memo *memo = aligned_alloc(_Alignof(struct memo), sizeof *memo);
    if (memo == NULL)
        return NULL;
    memset(memo, 0, sizeof *memo); /* and every page is there */
    if (getentropy(memo->key, sizeof memo->key) == 0)
        return memo;
    free(memo);
    return NULL;
}

void memo_close(struct memo *memo)
{
    if (memo == NULL)
        return;
    sodium_memzero(memo, sizeof *memo);
    free(memo);
}

static inline uint64_t look(const _Atomic uint64_t *field)
{
    return atomic_load_explicit(field, memory_order_acquire);
}

/* The entry counts if nobody wrote from before its first field was read until after its last. */
static bool read_entry(const struct memo_entry *entry, struct tag tag,
                       uint8_t out[static TOKEN_DIGEST_LEN])
{
    const uint64_t before = look(&entry->sequence);
    uint64_t difference =
        (look(&entry->tag[0]) ^ tag.word[0]) | (look(&entry->tag[1]) ^ tag.word[1]);
    uint64_t digest[TOKEN_DIGEST_LEN / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof digest / sizeof *digest; i++)
        digest[i] = look(&entry->digest[i]);
    bool whole = before % 2 == 0 && look(&entry->sequence) == before;
    memcpy(out, digest, sizeof digest);
    return whole && difference == 0;
}

bool memo_find(const struct memo *memo, uint64_t id, const char text[static TOKEN_TEXT_LEN],
               uint8_t out[static TOKEN_DIGEST_LEN])
{
    const struct memo_entry *pair = memo_pair(memo, id);
    for (unsigned i = 0; i < 2; i++) {
        if (look(&pair[i].id) == id)
            return read_entry(&pair[i], tag_of(memo, text), out);
    }
    return false;
}

bool memo_asked_again(struct memo *memo, uint64_t id)
{
    const uint64_t hash = spread(id);
    const uint16_t tag = (uint16_t)(hash >> 24) | 1; /* never that of an empty one */
    _Atomic uint16_t *asked = &memo->asked[(hash >> 40) % MEMO_ENTRIES];
    if (atomic_load_explicit(asked, memory_order_relaxed) == tag)
        return true;
    atomic_store_explicit(asked, tag, memory_order_relaxed);
    return false;
}

static void set(_Atomic uint64_t *field, uint64_t value)
{
    atomic_store_explicit(field, value, memory_order_release);
}

void memo_keep(struct memo *memo, uint64_t id, const char text[static TOKEN_TEXT_LEN],
               const uint8_t digest[static TOKEN_DIGEST_LEN])
{
    struct memo_entry *pair = &memo->entry[memo_pair(memo, id) - memo->entry];
    struct memo_entry *entry = &pair[digest[0] % 2];
    if (look(&pair[0].id) == id || look(&pair[0].sequence) == 0)
        entry = &pair[0];
    else if (look(&pair[1].id) == id || look(&pair[1].sequence) == 0)
        entry = &pair[1];
    const struct tag tag = tag_of(memo, text);
    uint64_t sequence = look(&entry->sequence), word;
    if (sequence % 2 != 0 ||
        !atomic_compare_exchange_strong(&entry->sequence, &sequence, sequence + 1))
        return;
    set(&entry->id, id);
    set(&entry->tag[0], tag.word[0]);
    set(&entry->tag[1], tag.word[1]);
    for (size_t i = 0; i < TOKEN_DIGEST_LEN / sizeof word; i++) {
        memcpy(&word, digest + i * sizeof word, sizeof word);
        set(&entry->digest[i], word);
    }
    set(&entry->sequence, sequence + 2);
}
