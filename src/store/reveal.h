/*
 * The reveal key: a crypto_box key pair (X25519) that seals token texts at rest. Files hold 64
 * lower-case hexadecimal digits and a newline: reveal.pub 0644, reveal.key 0600.
 *
 * MUST 1: a secret key lives in sodium_malloc memory alone, and is wiped.
 */
#ifndef ESPT_STORE_REVEAL_H
#define ESPT_STORE_REVEAL_H

#include "common/config.h"
#include "common/error.h"
#include "common/record.h"

#include <stdbool.h>

/* Makes what is missing: both; or the public key from the secret one. A public key without its
   secret is left alone. `ret_made_*` say what was made. */
ESPT_MUST_USE int reveal_create(const struct config *config, bool *ret_made_public,
                                bool *ret_made_secret, struct espt_error *err);
/* Reads the public key. */
ESPT_MUST_USE int reveal_public(const struct config *config, uint8_t ret_public[static 32],
                                struct espt_error *err);
/* Seals to it. */
ESPT_MUST_USE int reveal_seal(const struct config *config, const uint8_t public[static 32],
                              const char text[static TOKEN_TEXT_LEN],
                              uint8_t out[static SEALED_TEXT_LEN], struct espt_error *err);
/* Reads the secret key and opens; `ret_text` gets 54 bytes and a terminator. */
ESPT_MUST_USE int reveal_open(const struct config *config,
                              const uint8_t sealed[static SEALED_TEXT_LEN],
                              char ret_text[static TOKEN_TEXT_LEN + 1], struct espt_error *err);

#endif
