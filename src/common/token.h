/*
 * Token text (contract §2): esptk_ + 11 characters id + _ + 30 characters secret + 6 characters
 * checksum; always 54 bytes. Here it is recognised; src/store/mint.h draws new ones.
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
#define TOKEN_RANDOM_BITS 22           /* of an id, below the moment when it was drawn */

/* base62, most significant digit first, padded with '0'; no terminator is written. */
void base62_encode(uint64_t value, char *out, size_t digits);
/* False for another alphabet, or a value above 64 bits. */
bool base62_decode(const char *text, size_t digits, uint64_t *ret_value);

/* Well-formed? Reads `len` bytes at most; says nothing of whether the token exists. */
bool token_parse(const char *text, size_t len, uint64_t *ret_id);

/* May it be another system's token: 20-256 printable ASCII bytes that do not begin with esptk_? */
bool token_foreign_form(const char *text, size_t len);

/* 11 characters and a terminator. */
void token_id_format(uint64_t id, char out[static TOKEN_ID_LEN + 1]);
bool token_id_parse(const char *text, size_t len, uint64_t *ret_id);

/* Is there a token's text within it, whole or cut? The id and what follows are enough. */
bool token_within(const char *text);

/* When it was drawn, in Unix seconds. */
int64_t token_id_seconds(uint64_t id);

/* SHA-256 (FIPS 180-4) of the 54 bytes, straight from the caller's buffer. */
void token_digest(const char text[static TOKEN_TEXT_LEN], uint8_t out[static TOKEN_DIGEST_LEN]);
/* The same of a foreign text. */
void token_foreign_digest(const char *text, size_t len, uint8_t out[static TOKEN_DIGEST_LEN]);
void token_digest_wipe(uint8_t digest[static TOKEN_DIGEST_LEN]);
/* In constant time. */
bool token_digest_same(const uint8_t a[static TOKEN_DIGEST_LEN],
                       const uint8_t b[static TOKEN_DIGEST_LEN]);

#endif
