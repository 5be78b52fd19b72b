/* SPDX-License-Identifier: ISC */
#include "common/token.h"

#include "common/crc32.h"
#include "common/name.h"

#include <sodium.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* The digit's value, or NOT_A_DIGIT. There is no table, because an index from a secret byte leaks
   through the cache. There are no branches, because random digits make them mispredicted. */
#define NOT_A_DIGIT 0xffu
static inline uint8_t digit_value(char c)
{
    const uint8_t digit = (uint8_t)(c - '0'), upper = (uint8_t)(c - 'A'),
                  lower = (uint8_t)(c - 'a');
    uint8_t value = digit < 10 ? digit : NOT_A_DIGIT;
    value = upper < 26 ? (uint8_t)(upper + 10) : value;
    return lower < 26 ? (uint8_t)(lower + 36) : value;
}

void base62_encode(uint64_t value, char *out, size_t digits)
{
    while (digits-- > 0) {
        out[digits] = alphabet[value % 62];
        value /= 62;
    }
}

bool base62_decode(const char *text, size_t digits, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        uint8_t digit = digit_value(text[i]);
        if (digit == NOT_A_DIGIT || __builtin_mul_overflow(value, 62u, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = value;
    return true;
}

/* At most ten digits, so that 64 bits cannot overflow. */
static inline uint64_t value_of(const uint8_t *digit, size_t digits)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++)
        value = value * 62 + digit[i];
    return value;
}

/* Converts `text` to digits. The upper bit of the result is set if a character is not a digit. */
static inline uint8_t digits_of(const char *text, size_t count, uint8_t *digit)
{
    uint8_t spoilt = 0;
    for (size_t i = 0; i < count; i++) {
        digit[i] = digit_value(text[i]);
        spoilt |= digit[i];
    }
    return spoilt & 0x80;
}

/* The cheap checks come first, so that random texts cost a comparison and not a checksum. */
bool token_parse(const char *text, size_t len, uint64_t *ret_id)
{
    enum { PREFIX = sizeof TOKEN_PREFIX - 1, SECRET = PREFIX + TOKEN_ID_LEN + 1, HALF = 916132832 };
    if (len != TOKEN_TEXT_LEN || memcmp(text, TOKEN_PREFIX, PREFIX) != 0 || text[SECRET - 1] != '_')
        return false;
    uint8_t spoilt = 0, lead[16], check[TOKEN_CHECKSUM_LEN];
    for (size_t i = 0; i < 32; i++) /* the secret and two more digits: 32 fill whole vectors */
        spoilt |= digit_value(text[SECRET + i]);
    for (size_t i = 0; i < sizeof lead; i++) /* the 16 characters that end with the id: a vector */
        lead[i] = digit_value(text[SECRET - 1 - sizeof lead + i]);
    const uint8_t *digit = lead + sizeof lead - TOKEN_ID_LEN;
    for (size_t i = 0; i < TOKEN_ID_LEN; i++)
        spoilt |= digit[i];
    spoilt |= digits_of(text + TOKEN_CHECKED_LEN, TOKEN_CHECKSUM_LEN, check);
    if ((spoilt & 0x80) != 0 ||
        value_of(check, TOKEN_CHECKSUM_LEN) != crc32(0, text, TOKEN_CHECKED_LEN))
        return false;
    /* two independent halves of five digits (62^5 each), which the processor computes in parallel
     */
    uint64_t id, rest = value_of(digit + 1, 5) * HALF + value_of(digit + 6, 5);
    if (__builtin_mul_overflow((uint64_t)digit[0], (uint64_t)HALF * HALF, &id) ||
        __builtin_add_overflow(id, rest, &id))
        return false;
    *ret_id = id;
    return true;
}

void token_digest_wipe(uint8_t digest[static TOKEN_DIGEST_LEN])
{
    memset(digest, 0, TOKEN_DIGEST_LEN);
    __asm__("" : : "r"(digest) : "memory"); /* keeps the compiler from removing the memset */
}

bool token_digest_same(const uint8_t a[static TOKEN_DIGEST_LEN],
                       const uint8_t b[static TOKEN_DIGEST_LEN])
{
    uint64_t left[TOKEN_DIGEST_LEN / 8], right[TOKEN_DIGEST_LEN / 8], difference = 0;
    memcpy(left, a, sizeof left);
    memcpy(right, b, sizeof right);
    for (size_t i = 0; i < TOKEN_DIGEST_LEN / 8; i++)
        difference |= left[i] ^ right[i];
    __asm__("" : "+r"(difference)); /* keeps the compiler from comparing word by word */
    return difference == 0;
}

void token_id_format(uint64_t id, char out[static TOKEN_ID_LEN + 1])
{
    base62_encode(id, out, TOKEN_ID_LEN);
    out[TOKEN_ID_LEN] = '\0';
}

bool token_id_parse(const char *text, size_t len, uint64_t *ret_id)
{
    return len == TOKEN_ID_LEN && base62_decode(text, len, ret_id);
}

bool token_text_possible(const char *text)
{
    return strlen(text) >= FOREIGN_TEXT_MIN || strstr(text, TOKEN_PREFIX) != NULL;
}

bool token_within(const char *text)
{
    uint64_t id;
    while ((text = strstr(text, TOKEN_PREFIX)) != NULL) {
        text += strlen(TOKEN_PREFIX);
        if (strlen(text) > TOKEN_ID_LEN && text[TOKEN_ID_LEN] == '_' &&
            token_id_parse(text, TOKEN_ID_LEN, &id))
            return true;
    }
    return false;
}

int64_t token_id_seconds(uint64_t id)
{
    return (TOKEN_EPOCH_MS + (int64_t)(id >> TOKEN_RANDOM_BITS)) / 1000;
}

void token_digest(const char text[static TOKEN_TEXT_LEN], uint8_t out[static TOKEN_DIGEST_LEN])
{
    crypto_hash_sha256(out, (const unsigned char *)text, TOKEN_TEXT_LEN);
}

bool token_foreign_form(const char *text, size_t len)
{
    return len >= FOREIGN_TEXT_MIN && len <= FOREIGN_TEXT_MAX &&
           memcmp(text, TOKEN_PREFIX, sizeof TOKEN_PREFIX - 1) != 0 && plain_len(text, len) == len;
}

void token_foreign_digest(const char *text, size_t len, uint8_t out[static TOKEN_DIGEST_LEN])
{
    crypto_hash_sha256(out, (const unsigned char *)text, len);
}
