/* SPDX-License-Identifier: ISC */
/*
 * The reveal key: a crypto_box key pair (X25519) that seals token texts at rest. keyfile.h
 * describes the files.
 */
#ifndef ESPT_STORE_REVEAL_H
#define ESPT_STORE_REVEAL_H

#include "common/record.h"
#include "store/keyfile.h"

/* Creates what is missing: both files, or the public key from the secret one. A public key without
   its secret key is left alone. `ret_made_*` say which files were created. */
ESPT_MUST_USE int reveal_create(const struct config *config, bool *ret_made_public,
                                bool *ret_made_secret, struct espt_error *err);
ESPT_MUST_USE int reveal_seal(const struct config *config, const uint8_t public[static KEY_LEN],
                              const char text[static TOKEN_TEXT_LEN],
                              uint8_t out[static SEALED_TEXT_LEN], struct espt_error *err);
/* Opens the box with the key of id `id` (key_id(); 0: unknown), then with the other keys. Returns
   the key that opened it; NULL: none does. `ret_text` gets 54 bytes and a terminator. The caller
   wipes it. */
const struct key *reveal_try(const struct keys *keys, uint32_t id,
                             const uint8_t sealed[static SEALED_TEXT_LEN],
                             char ret_text[static TOKEN_TEXT_LEN + 1]);
/* As reveal_try(), with a message if no key opens the box. */
ESPT_MUST_USE int reveal_open(const struct config *config, const struct keys *keys, uint32_t id,
                              const uint8_t sealed[static SEALED_TEXT_LEN],
                              char ret_text[static TOKEN_TEXT_LEN + 1], struct espt_error *err);

#endif
