#include "common/token.h"

#include "common/crc32.h"

#include <sodium.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* The digit's value, or -1. By ranges, not by a table indexed with secret bytes. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 36;
    return -1;
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
        int digit = digit_value(text[i]);
        if (digit < 0 || __builtin_mul_overflow(value, 62u, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return false;
    }
    *ret_value = value;
    return true;
}

/* The cheap checks first: a stranger's noise costs a comparison, not a checksum. */
bool token_parse(const char *text, size_t len, uint64_t *ret_id)
{
    const size_t prefix = sizeof TOKEN_PREFIX - 1;
    if (len != TOKEN_TEXT_LEN || memcmp(text, TOKEN_PREFIX, prefix) != 0)
        return false;
    if (text[prefix + TOKEN_ID_LEN] != '_')
        return false;
    for (size_t i = prefix + TOKEN_ID_LEN + 1; i < TOKEN_CHECKED_LEN; i++) {
        if (digit_value(text[i]) < 0)
            return false;
    }
    uint64_t id, checksum;
    if (!base62_decode(text + prefix, TOKEN_ID_LEN, &id) ||
        !base62_decode(text + TOKEN_CHECKED_LEN, TOKEN_CHECKSUM_LEN, &checksum) ||
        checksum != crc32(0, text, TOKEN_CHECKED_LEN))
        return false;
    *ret_id = id;
    return true;
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

void token_digest(const char text[static TOKEN_TEXT_LEN], uint8_t out[static TOKEN_DIGEST_LEN])
{
    crypto_hash_sha256(out, (const unsigned char *)text, TOKEN_TEXT_LEN);
}

bool token_foreign_form(const char *text, size_t len)
{
    if (len < FOREIGN_TEXT_MIN || len > FOREIGN_TEXT_MAX ||
        memcmp(text, TOKEN_PREFIX, sizeof TOKEN_PREFIX - 1) == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
    }
    return true;
}

void token_foreign_digest(const char *text, size_t len, uint8_t out[static TOKEN_DIGEST_LEN])
{
    crypto_hash_sha256(out, (const unsigned char *)text, len);
}
