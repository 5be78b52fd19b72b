/* SPDX-License-Identifier: ISC */
/*
 * A secret key under a passphrase, as the text that keyfile.h describes. The key of the box is
 * stretched from the passphrase with Argon2id.
 */
#ifndef ESPT_STORE_PASSPHRASE_BOX_H
#define ESPT_STORE_PASSPHRASE_BOX_H

#include "store/keyfile.h"

#include <sodium.h>

#define PASSPHRASE_BOX "argon2id:" /* how the text begins */
#define HEX(bytes) (2UL * (bytes))
#define BOX_LEN (KEY_LEN + crypto_secretbox_MACBYTES)

struct passphrase_box {
    uint64_t ops, mem;
    uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], cipher[BOX_LEN];
};

/* Parses the next field, up to `end`, of exactly `size` bytes in hexadecimal. */
bool key_parse_hex(const char **at, char end, void *out, size_t size);

bool passphrase_box_parse(const char *text, struct passphrase_box *ret_box);
/* Stretches the passphrase. */
ESPT_MUST_USE int passphrase_box_key(const struct passphrase_box *box, const char *passphrase,
                                     uint8_t ret_key[static KEY_LEN], struct espt_error *err);
/* Chooses salt and limits of new boxes, and stretches the passphrase. */
ESPT_MUST_USE int passphrase_box_begin(struct passphrase_box *ret_box, const char *passphrase,
                                       uint8_t ret_under[static KEY_LEN], struct espt_error *err);
/* Writes a box with `key` in it, under a nonce of its own. */
void passphrase_box_write(char *out, size_t size, const uint8_t key[static KEY_LEN],
                          struct passphrase_box *box, const uint8_t under[static KEY_LEN]);

#endif
