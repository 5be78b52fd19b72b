/* SPDX-License-Identifier: ISC */
/*
 * A memo of SHA-256 for texts that are presented repeatedly. An entry is found by the token's id
 * and SipHash-128 of the rest of the text. Each context draws its own SipHash key. Each entry is a
 * seqlock.
 *
 * MUST 1: the memo never decides. The record is read and the digests are compared each time, so an
 *         entry cannot be out of date.
 * MUST 2: no thread waits. A writer that finds an entry locked leaves it alone. If a fork loses a
 *         thread while it writes, the child loses that one entry.
 * MUST 3: no text is stored, and only digests of tokens that the store knows. All memory is
 *         returned to the kernel at close, which clears it.
 */
#ifndef VALIDATOR_MEMO_H
#define VALIDATOR_MEMO_H

#include "common/spread.h"
#include "common/token.h"

#include <stdatomic.h>

#define MEMO_ENTRIES 4096 /* of a cache line each */
#define MEMO_KEY_LEN 16

struct memo_entry {
    _Alignas(64) _Atomic uint64_t sequence; /* of the seqlock: odd while a thread writes */
    _Atomic uint64_t id;
    _Atomic uint64_t tag[2];
    _Atomic uint64_t digest[TOKEN_DIGEST_LEN / sizeof(uint64_t)];
};

/* Pages that are never written use no memory, so a host of one login does not pay for all entries.
 */
struct memo {
    struct memo_entry entry[MEMO_ENTRIES]; /* two-way set associative: an id has two */
    _Atomic uint16_t seen[MEMO_ENTRIES];   /* 16 hash bits of recently presented ids */
    uint8_t key[MEMO_KEY_LEN];
};

/* NULL: out of memory, or the system has no random bytes. */
struct memo *memo_open(void);
void memo_close(struct memo *memo);

/* The two entries of an id. */
static inline const struct memo_entry *memo_pair(const struct memo *memo, uint64_t id)
{
    return &memo->entry[(spread(id) >> 40) % (MEMO_ENTRIES / 2) * 2];
}

/* Call this as soon as the id is known. */
static inline void memo_prefetch(const struct memo *memo, uint64_t id)
{
    __builtin_prefetch(memo_pair(memo, id));
    __builtin_prefetch(memo_pair(memo, id) + 1);
}

/* `text` must be well-formed, with the id `id`. Returns true and fills `out` with the digest if the
   memo has it. */
bool memo_find(const struct memo *memo, uint64_t id, const char text[static TOKEN_TEXT_LEN],
               uint8_t out[static TOKEN_DIGEST_LEN]);
/* Whether the id was presented recently. Records that it is presented now. An id that is
   presented once gets no entry, because it would displace one that is presented repeatedly. */
bool memo_seen_lately(struct memo *memo, uint64_t id);
/* Writes one of the id's entries, unless another thread is writing it. */
void memo_store(struct memo *memo, uint64_t id, const char text[static TOKEN_TEXT_LEN],
                const uint8_t digest[static TOKEN_DIGEST_LEN]);

#endif
