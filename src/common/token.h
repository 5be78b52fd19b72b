/* SPDX-License-Identifier: ISC */
/*
 * The token text (specification §2): esptk_, 11 characters id, _, 30 characters secret, 6
 * characters checksum; always 54 bytes. This file parses it; src/store/mint.h generates new ones.
 */
#ifndef ESPT_COMMON_TOKEN_H
#define ESPT_COMMON_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_PREFIX "esptk_"
#define TOKEN_TEXT_LEN 54
#define TOKEN_ID_LEN 11
#define TOKEN_CHECKED_LEN 48 /* the bytes that the checksum covers */
#define TOKEN_CHECKSUM_LEN 6
#define TOKEN_DIGEST_LEN 32
#define FOREIGN_TEXT_MIN 20
#define FOREIGN_TEXT_MAX 256
#define TOKEN_EPOCH_MS 1577836800000LL /* 2020-01-01T00:00:00Z, in Unix milliseconds */
#define TOKEN_RANDOM_BITS 22           /* the lower bits of an id; the upper ones are its time */

/* base62, most significant digit first, padded with '0'. Writes no terminator. */
void base62_encode(uint64_t value, char *out, size_t digits);
/* False: a character is not a base62 digit, or the value exceeds 64 bits. */
bool base62_decode(const char *text, size_t digits, uint64_t *ret_value);

/* Whether the text is well-formed: length, prefix, alphabet and checksum. The token need not exist.
 */
bool token_parse(const char *text, size_t len, uint64_t *ret_id);

/* Whether the text may be a token of another system: 20 to 256 printable ASCII bytes that do not
   begin with esptk_. */
bool token_foreign_form(const char *text, size_t len);

/* Writes 11 characters and a terminator. */
void token_id_format(uint64_t id, char out[static TOKEN_ID_LEN + 1]);
bool token_id_parse(const char *text, size_t len, uint64_t *ret_id);

/* Whether the text may be a secret, or a part of one. Then no message may repeat it. */
bool token_text_possible(const char *text);
/* Whether `text` contains a token's text, even a truncated one: prefix, id and `_` suffice. */
bool token_within(const char *text);

/* When the id was drawn, in Unix seconds. */
int64_t token_id_seconds(uint64_t id);

/* SHA-256 (FIPS 180-4) of the 54 bytes. Makes no copy of the text. */
void token_digest(const char text[static TOKEN_TEXT_LEN], uint8_t out[static TOKEN_DIGEST_LEN]);
/* The SHA-256 of a foreign token's text. */
void token_foreign_digest(const char *text, size_t len, uint8_t out[static TOKEN_DIGEST_LEN]);
void token_digest_wipe(uint8_t digest[static TOKEN_DIGEST_LEN]);
/* Compares in constant time. */
bool token_digest_same(const uint8_t a[static TOKEN_DIGEST_LEN],
                       const uint8_t b[static TOKEN_DIGEST_LEN]);

#endif
