/*
 * The reveal key: a crypto_box key pair (X25519) that seals token texts at rest (keyfile.h says how
 * it is kept).
 */
#ifndef ESPT_STORE_REVEAL_H
#define ESPT_STORE_REVEAL_H

#include "common/record.h"
#include "store/keyfile.h"

/* Makes what is missing: both; or the public key from the secret one. A public key without its
   secret is left alone. `ret_made_*` say what was made. */
ESPT_MUST_USE int reveal_create(const struct config *config, bool *ret_made_public,
                                bool *ret_made_secret, struct espt_error *err);
ESPT_MUST_USE int reveal_seal(const struct config *config, const uint8_t public[static KEY_LEN],
                              const char text[static TOKEN_TEXT_LEN],
                              uint8_t out[static SEALED_TEXT_LEN], struct espt_error *err);
/* By whichever of the keys opens it; `ret_text` gets 54 bytes and a terminator. */
ESPT_MUST_USE int reveal_open(const struct config *config, const struct keys *keys,
                              const uint8_t sealed[static SEALED_TEXT_LEN],
                              char ret_text[static TOKEN_TEXT_LEN + 1], struct espt_error *err);

#endif
