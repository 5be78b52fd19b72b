/* SPDX-License-Identifier: ISC */
#include "store/mint.h"

#include "common/crc32.h"

#include <sodium.h>
#include <string.h>

#define TIME_MAX ((INT64_C(1) << 42) - 1)

uint64_t mint_id(int64_t unix_ms)
{
    int64_t ms = unix_ms - TOKEN_EPOCH_MS;
    if (ms < 0)
        ms = 0;
    if (ms > TIME_MAX)
        ms = TIME_MAX;
    return (uint64_t)ms << TOKEN_RANDOM_BITS |
           randombytes_uniform(UINT32_C(1) << TOKEN_RANDOM_BITS);
}

uint64_t mint_moment(uint64_t id)
{
    return id >> TOKEN_RANDOM_BITS;
}

/* Draws each character from a byte below 248, which is four times 62, so that all characters are
   equally likely. 31 of 32 bytes are usable. The bytes are drawn together: one system call instead
   of thirty. */
static void draw_characters(char *at, const char *end)
{
    enum { FAIR = 248, DRAWN = 48 };
    unsigned char bytes[DRAWN];
    for (size_t i = DRAWN; at < end; i++) {
        if (i == DRAWN) {
            randombytes_buf(bytes, sizeof bytes);
            i = 0;
        }
        if (bytes[i] < FAIR)
            base62_encode(bytes[i] % 62, at++, 1);
    }
    sodium_memzero(bytes, sizeof bytes);
}

void mint_text(uint64_t id, char ret_text[static TOKEN_TEXT_LEN + 1])
{
    char *at = ret_text;
    memcpy(at, TOKEN_PREFIX, sizeof TOKEN_PREFIX - 1);
    at += sizeof TOKEN_PREFIX - 1;
    base62_encode(id, at, TOKEN_ID_LEN);
    at += TOKEN_ID_LEN;
    *at++ = '_';
    draw_characters(at, ret_text + TOKEN_CHECKED_LEN);
    base62_encode(crc32(0, ret_text, TOKEN_CHECKED_LEN), ret_text + TOKEN_CHECKED_LEN,
                  TOKEN_CHECKSUM_LEN);
    ret_text[TOKEN_TEXT_LEN] = '\0';
}
