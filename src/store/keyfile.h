/*
 * Key files: a line of 64 lower-case hexadecimal digits is a crypto_box key (X25519). A secret one
 * may be kept under a passphrase instead:
 *
 *   argon2id:OPS:MEM:SALT:NONCE:BOX
 *
 * OPS and MEM (bytes) are crypto_pwhash's limits, SALT (16 bytes), NONCE (24) and BOX (48) are in
 * hexadecimal; BOX is a crypto_secretbox of the key under Argon2id (RFC 9106) of the passphrase.
 * While a key is being changed for another, its file has a line more: the new one first.
 *
 * MUST 1: secret keys, passphrases and what is derived from them lie in sodium_malloc memory alone.
 */
#ifndef ESPT_STORE_KEYFILE_H
#define ESPT_STORE_KEYFILE_H

#include "common/config.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_LEN 32
#define KEYS_MAX 8         /* a change that was broken off leaves one more */
#define PASSPHRASE_MAX 256 /* bytes, with its terminator */

/* Secret keys, newest first. */
struct keys {
    size_t count;
    bool guarded; /* the file has a passphrase; it is below, for what is written next */
    uint8_t key[KEYS_MAX][KEY_LEN];
    uint8_t file[32]; /* SHA-256 of the file that they were read from */
    char passphrase[PASSPHRASE_MAX];
};
/* In locked memory; NULL: `err` says why. */
struct keys *keys_new(struct espt_error *err);
void keys_free(struct keys **keys); /* wipes */

ESPT_MUST_USE int keyfile_read_public(const char *path, uint8_t ret_key[static KEY_LEN],
                                      struct espt_error *err);
/* Asks by config->passphrase where the file needs one; nothing may be held meanwhile. */
ESPT_MUST_USE int keyfile_read_secret(const struct config *config, struct keys *ret_keys,
                                      struct espt_error *err);

/* ESPT_REFUSED if the file is another than these were read from: what is written in its place would
   lose a key. */
ESPT_MUST_USE int keyfile_unchanged(const char *path, const struct keys *keys,
                                    struct espt_error *err);

/* New files: *ret_made is false where one was there. */
ESPT_MUST_USE int keyfile_make_public(const char *path, const uint8_t key[static KEY_LEN],
                                      bool *ret_made, struct espt_error *err);
ESPT_MUST_USE int keyfile_make_secret(const char *path, const struct keys *keys, bool *ret_made,
                                      struct espt_error *err);
/* In the place of the file that is there, at one stroke. */
ESPT_MUST_USE int keyfile_put_public(const char *path, const uint8_t key[static KEY_LEN],
                                     struct espt_error *err);
ESPT_MUST_USE int keyfile_put_secret(const char *path, const struct keys *keys,
                                     struct espt_error *err);
/* For publish_take(). */
ESPT_MUST_USE int keyfile_write_secret(const char *path, const struct keys *keys,
                                       char ret_temporary[static PATH_MAX], struct espt_error *err);

#endif
