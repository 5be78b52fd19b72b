/* SPDX-License-Identifier: ISC */
#include "store/reveal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

static_assert(SEALED_TEXT_LEN == TOKEN_TEXT_LEN + crypto_box_SEALBYTES, "record.h");

/* Creates the secret key first: a public key without it would seal texts that no key opens. */
int reveal_create(const struct config *config, bool *ret_made_public, bool *ret_made_secret,
                  struct espt_error *err)
{
    const bool has_public = access(config->public_key, F_OK) == 0;
    const bool has_secret = access(config->secret_key, F_OK) == 0;
    *ret_made_public = *ret_made_secret = false;
    if (has_public)
        return 0;
    __attribute__((cleanup(keys_free))) struct keys *keys = keys_new(err);
    if (keys == NULL)
        return ESPT_UNUSABLE;
    uint8_t public[KEY_LEN];
    int code = 0;
    if (!has_secret) {
        crypto_box_keypair(public, keys->key[0].secret);
        keys->count = 1;
        code = keyfile_make_secret(config->secret_key, keys, ret_made_secret, err);
    }
    /* use the key in the file: another init may have created it meanwhile */
    if (code == 0)
        code = keyfile_read_secret(config, keys, err);
    if (code != 0)
        return code;
    const struct key *key = keys->key; /* the key in force; a rotation may have left others */
    while (key->state != KEY_IN_FORCE && key + 1 < keys->key + keys->count)
        key++;
    return keyfile_make_public(config->public_key, key->public, ret_made_public, err);
}

int reveal_seal(const struct config *config, const uint8_t public[static KEY_LEN],
                const char text[static TOKEN_TEXT_LEN], uint8_t out[static SEALED_TEXT_LEN],
                struct espt_error *err)
{
    if (crypto_box_seal(out, (const unsigned char *)text, TOKEN_TEXT_LEN, public) != 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: not a usable public key; restore it, or remove it and run "
                         "'esp-tokenctl init' to derive it from the secret key",
                         config->public_key);
    return 0;
}

static bool opens(const struct key *key, const uint8_t sealed[static SEALED_TEXT_LEN],
                  char ret_text[static TOKEN_TEXT_LEN + 1])
{
    unsigned char text[TOKEN_TEXT_LEN];
    if (!key->is_open ||
        crypto_box_seal_open(text, sealed, SEALED_TEXT_LEN, key->public, key->secret) != 0)
        return false;
    memcpy(ret_text, text, TOKEN_TEXT_LEN);
    ret_text[TOKEN_TEXT_LEN] = '\0';
    sodium_memzero(text, sizeof text);
    return true;
}

const struct key *reveal_try(const struct keys *keys, uint32_t id,
                             const uint8_t sealed[static SEALED_TEXT_LEN],
                             char ret_text[static TOKEN_TEXT_LEN + 1])
{
    for (int others = 0; others < 2; others++) { /* first the key with that id, then the others */
        for (size_t i = 0; i < keys->count; i++) {
            if ((key_id(keys->key[i].public) != id) == others &&
                opens(&keys->key[i], sealed, ret_text))
                return &keys->key[i];
        }
    }
    return NULL;
}

int reveal_open(const struct config *config, const struct keys *keys, uint32_t id,
                const uint8_t sealed[static SEALED_TEXT_LEN],
                char ret_text[static TOKEN_TEXT_LEN + 1], struct espt_error *err)
{
    if (reveal_try(keys, id, sealed, ret_text) != NULL)
        return 0;
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s does not open this token's text: it was sealed to another key; add that "
                     "key to the file, as a line of its own, or rotate the token",
                     config->secret_key);
}
