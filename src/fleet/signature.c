/* SPDX-License-Identifier: ISC */
#include "fleet/signature.h"

#include <string.h>

static void state_of(crypto_sign_state *state, const char *label, const uint8_t *bytes, size_t len)
{
    crypto_sign_init(state);
    crypto_sign_update(state, (const uint8_t *)label, strlen(label) + 1);
    crypto_sign_update(state, bytes, len);
}

void signature_make(const char *label, const uint8_t *bytes, size_t len,
                    const uint8_t secret[static crypto_sign_SECRETKEYBYTES],
                    uint8_t ret_signature[static crypto_sign_BYTES])
{
    crypto_sign_state state;
    state_of(&state, label, bytes, len);
    crypto_sign_final_create(&state, ret_signature, NULL, secret);
}

bool signature_good(const char *label, const uint8_t *bytes, size_t len,
                    const uint8_t signature[static crypto_sign_BYTES],
                    const uint8_t key[static crypto_sign_PUBLICKEYBYTES])
{
    crypto_sign_state state;
    state_of(&state, label, bytes, len);
    return crypto_sign_final_verify(&state, signature, key) == 0;
}
