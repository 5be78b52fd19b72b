/*
 * SHA-256 of texts that come again and again: a memo of a pure function, found by the token's id
 * and SipHash-128 of the rest under a key that each context draws.
 *
 * MUST 1: it answers nothing. The record is read afresh and the digest compared each time, so what
 *         is in here cannot be out of date.
 * MUST 2: nobody waits: a writer that finds an entry in use leaves it. A thread that is lost while
 * it writes (in a fork) costs that entry, and no more. MUST 3: no text is kept, and no digest but
 * of a token that the store knows; all is wiped at close.
 */
#ifndef VALIDATOR_MEMO_H
#define VALIDATOR_MEMO_H

#include "common/spread.h"
#include "common/token.h"

#include <stdatomic.h>

#define MEMO_ENTRIES 4096 /* of a cache line each */
#define MEMO_KEY_LEN 16

struct memo_entry {
    _Alignas(64) _Atomic uint64_t sequence; /* odd while one writes */
    _Atomic uint64_t id;
    _Atomic uint64_t tag[2];
    _Atomic uint64_t digest[TOKEN_DIGEST_LEN / sizeof(uint64_t)];
};

struct memo {
    struct memo_entry entry[MEMO_ENTRIES]; /* an id has two */
    _Atomic uint16_t asked[MEMO_ENTRIES];  /* ids that came lately: 16 bits of each */
    uint8_t key[MEMO_KEY_LEN];
};

/* NULL: no memory, or no random bytes. */
struct memo *memo_open(void);
void memo_close(struct memo *memo);

/* As soon as the id is known: the entries are there when they are looked at. */
static inline const struct memo_entry *memo_pair(const struct memo *memo, uint64_t id)
{
    return &memo->entry[(spread(id) >> 40) % (MEMO_ENTRIES / 2) * 2];
}

static inline void memo_prefetch(const struct memo *memo, uint64_t id)
{
    __builtin_prefetch(memo_pair(memo, id));
    __builtin_prefetch(memo_pair(memo, id) + 1);
}

/* `text` is well-formed, and its id is `id`. True: `out` is its digest. */
bool memo_find(const struct memo *memo, uint64_t id, const char text[static TOKEN_TEXT_LEN],
               uint8_t out[static TOKEN_DIGEST_LEN]);
/* Did it come before, and lately? What comes once is not worth an entry: it would cost one that
   comes again. */
bool memo_asked_again(struct memo *memo, uint64_t id);
void memo_keep(struct memo *memo, uint64_t id, const char text[static TOKEN_TEXT_LEN],
               const uint8_t digest[static TOKEN_DIGEST_LEN]);

#endif
