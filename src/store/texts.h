/* SPDX-License-Identifier: ISC */
/*
 * Which key opens which sealed text. A record names the key to which its text was sealed. Opening
 * the text proves it, which takes about 50 microseconds.
 */
#ifndef ESPT_STORE_TEXTS_H
#define ESPT_STORE_TEXTS_H

#include "store/keyfile.h"
#include "store/load.h"

struct texts {
    uint64_t all;
    uint64_t by_key[KEYS_MAX]; /* in the order of the keys */
    struct name_list
        shut;         /* texts that no key opens, or that contain another text than the token's */
    uint64_t untried; /* texts whose record names no key, and that no key could be tried on without
                         a passphrase */
};

enum text_verdict { TEXT_OPEN, TEXT_SHUT, TEXT_UNTRIED };
/* Finds the key of a text. If `id` (0: none) names one of the keys and `tries` is not set, it is
   that key. Otherwise it is the key that opens the text, which must then have the digest. *ret_key
   is the key's index. */
enum text_verdict text_check(const struct keys *keys, uint32_t id,
                             const uint8_t sealed[static SEALED_TEXT_LEN],
                             const uint8_t digest[static TOKEN_DIGEST_LEN], bool tries,
                             size_t *ret_key);
/* True: one of the keys has that id. */
bool texts_name_key(const struct keys *keys, uint32_t id);
/* Counts every text of the store by its verdict. It skips records that cannot be decoded; check
   reports these. */
void texts_count(struct txn *txn, const struct keys *keys, bool tries, struct texts *ret_texts,
                 progress_fn progress, void *arg);

/* As texts_count(), in a snapshot of its own. */
ESPT_MUST_USE int store_texts(struct store *store, const struct keys *keys, bool tries,
                              struct texts *ret_texts, progress_fn progress, void *arg,
                              struct espt_error *err);

#endif
