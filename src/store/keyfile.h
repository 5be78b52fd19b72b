/* SPDX-License-Identifier: ISC */
/*
 * Key files: 64 lower-case hexadecimal digits are a crypto_box key (X25519). The public file holds
 * one key. The secret file has one line for each key, newest first:
 *
 *   SECRET                                    the key in force
 *   SECRET PUBLIC kept 2026-11-29T12:00:00Z   an older key, and when it ceased to be in force
 *   SECRET PUBLIC next                        a new key, while texts are being sealed to it
 *
 * Older keys open the texts of older backups; only `key forget` drops one. A secret key may be
 * stored under a passphrase instead:
 *
 *   argon2id:OPS:MEM:SALT:NONCE:BOX
 *
 * OPS and MEM (bytes) are crypto_pwhash's limits. SALT (16 bytes), NONCE (24) and BOX (48) are in
 * hexadecimal. BOX is a crypto_secretbox of the key; its key is Argon2id (RFC 9106) of the
 * passphrase. All lines have the same salt, so that the passphrase is stretched once.
 *
 * MUST 1: secret keys, passphrases and what is derived from them are stored in sodium_malloc
 *         memory only.
 */
#ifndef ESPT_STORE_KEYFILE_H
#define ESPT_STORE_KEYFILE_H

#include "common/config.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_LEN 32
#define KEYS_MAX 64
#define KEYFILE_MAX (KEYS_MAX * 448UL) /* bytes of the secret file */
#define PASSPHRASE_MAX 256             /* bytes, with its terminator */

/* The id of a key in a record: the first bytes of the public key. It says which key a text was
   sealed to. 0 means unknown. One key in 2^32 has the id 0; its texts are treated as sealed to an
   unknown key. */
uint32_t key_id(const uint8_t public[static KEY_LEN]);

enum key_state { KEY_IN_FORCE, KEY_KEPT, KEY_NEXT };

struct key {
    enum key_state state;
    bool is_open;            /* `secret` is known; no passphrase is missing */
    int64_t since;           /* since when it is KEY_KEPT, Unix seconds */
    uint8_t public[KEY_LEN]; /* zeroes: unknown */
    uint8_t secret[KEY_LEN];
};

/* Newest first. */
struct keys {
    size_t count;
    bool has_passphrase; /* the file has a passphrase; `passphrase` holds it for the next write */
    struct key key[KEYS_MAX];
    uint8_t file[32]; /* SHA-256 of the file that the keys were read from */
    char passphrase[PASSPHRASE_MAX];
};
/* Allocates an empty list in locked memory. NULL on failure, with the reason in `err`. Free it with
   keys_free(). */
struct keys *keys_new(struct espt_error *err);
void keys_free(struct keys **keys); /* wipes */

ESPT_MUST_USE int keyfile_read_public(const char *path, uint8_t ret_key[static KEY_LEN],
                                      struct espt_error *err);
/* Reads the secret file. If it has a passphrase, calls config->passphrase to ask for it: hold no
   lock and no transaction meanwhile. */
ESPT_MUST_USE int keyfile_read_secret(const struct config *config, struct keys *ret_keys,
                                      struct espt_error *err);

/* As keyfile_read_secret(), without asking: keys under a passphrase stay closed. */
ESPT_MUST_USE int keyfile_read_known(const struct config *config, struct keys *ret_keys,
                                     struct espt_error *err);
/* The key with that public half; NULL: there is none. Owned by `keys`. */
struct key *keys_find(struct keys *keys, const uint8_t public[static KEY_LEN]);

/* ESPT_REFUSED if the file differs from the one that `keys` was read from: replacing it would lose
   a key. */
ESPT_MUST_USE int keyfile_unchanged(const char *path, const struct keys *keys,
                                    struct espt_error *err);

/* Create a new file. *ret_made is false if the file existed; it is then left alone. */
ESPT_MUST_USE int keyfile_make_public(const char *path, const uint8_t key[static KEY_LEN],
                                      bool *ret_made, struct espt_error *err);
ESPT_MUST_USE int keyfile_make_secret(const char *path, const struct keys *keys, bool *ret_made,
                                      struct espt_error *err);
/* Replace the existing file atomically. */
ESPT_MUST_USE int keyfile_put_public(const char *path, const uint8_t key[static KEY_LEN],
                                     struct espt_error *err);
ESPT_MUST_USE int keyfile_put_secret(const char *path, const struct keys *keys,
                                     struct espt_error *err);
/* Writes a temporary file beside `path`, for publish_finish(); `ret_temporary` gets its name. */
ESPT_MUST_USE int keyfile_write_secret(const char *path, const struct keys *keys,
                                       char ret_temporary[static PATH_MAX], struct espt_error *err);

#endif
