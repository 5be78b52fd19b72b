/* SPDX-License-Identifier: ISC */
#include "memo.h"

#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The part of a well-formed text that its id does not determine: secret and checksum. */
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
    /* zero-filled; pages that are not touched use no memory, so a host of one login uses few */
    struct memo *memo =
        mmap(NULL, sizeof *memo, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memo == MAP_FAILED)
        return NULL;
    if (getentropy(memo->key, sizeof memo->key) == 0)
        return memo;
    munmap(memo, sizeof *memo);
    return NULL;
}

void memo_close(struct memo *memo)
{
    if (memo == NULL)
        return;
    munmap(memo, sizeof *memo); /* the kernel clears the pages before it reuses them */
}

static inline uint64_t load_word(const _Atomic uint64_t *field)
{
    return atomic_load_explicit(field, memory_order_acquire);
}

/* The read side of the seqlock. The entry is valid if no thread wrote it between the first load and
   the last. */
static bool read_entry(const struct memo_entry *entry, struct tag tag,
                       uint8_t out[static TOKEN_DIGEST_LEN])
{
    const uint64_t before = load_word(&entry->sequence);
    uint64_t difference =
        (load_word(&entry->tag[0]) ^ tag.word[0]) | (load_word(&entry->tag[1]) ^ tag.word[1]);
    uint64_t digest[TOKEN_DIGEST_LEN / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof digest / sizeof *digest; i++)
        digest[i] = load_word(&entry->digest[i]);
    bool whole = before % 2 == 0 && load_word(&entry->sequence) == before;
    memcpy(out, digest, sizeof digest);
    return whole && difference == 0;
}

bool memo_find(const struct memo *memo, uint64_t id, const char text[static TOKEN_TEXT_LEN],
               uint8_t out[static TOKEN_DIGEST_LEN])
{
    const struct memo_entry *pair = memo_pair(memo, id);
    for (unsigned i = 0; i < 2; i++) {
        if (load_word(&pair[i].id) == id)
            return read_entry(&pair[i], tag_of(memo, text), out);
    }
    return false;
}

bool memo_seen_lately(struct memo *memo, uint64_t id)
{
    const uint64_t hash = spread(id);
    const uint16_t tag = (uint16_t)(hash >> 24) | 1; /* never 0, which marks an empty field */
    _Atomic uint16_t *seen = &memo->seen[(hash >> 40) % MEMO_ENTRIES];
    if (atomic_load_explicit(seen, memory_order_relaxed) == tag)
        return true;
    atomic_store_explicit(seen, tag, memory_order_relaxed);
    return false;
}

static void store_word(_Atomic uint64_t *field, uint64_t value)
{
    atomic_store_explicit(field, value, memory_order_release);
}

void memo_store(struct memo *memo, uint64_t id, const char text[static TOKEN_TEXT_LEN],
                const uint8_t digest[static TOKEN_DIGEST_LEN])
{
    struct memo_entry *pair = &memo->entry[memo_pair(memo, id) - memo->entry];
    struct memo_entry *entry = &pair[digest[0] % 2];
    if (load_word(&pair[0].id) == id || load_word(&pair[0].sequence) == 0)
        entry = &pair[0];
    else if (load_word(&pair[1].id) == id || load_word(&pair[1].sequence) == 0)
        entry = &pair[1];
    const struct tag tag = tag_of(memo, text);
    uint64_t sequence = load_word(&entry->sequence), word;
    if (sequence % 2 != 0 ||
        !atomic_compare_exchange_strong(&entry->sequence, &sequence, sequence + 1))
        return;
    store_word(&entry->id, id);
    store_word(&entry->tag[0], tag.word[0]);
    store_word(&entry->tag[1], tag.word[1]);
    for (size_t i = 0; i < TOKEN_DIGEST_LEN / sizeof word; i++) {
        memcpy(&word, digest + i * sizeof word, sizeof word);
        store_word(&entry->digest[i], word);
    }
    store_word(&entry->sequence, sequence + 2);
}
