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

void mint_text(uint64_t id, char ret_text[static TOKEN_TEXT_LEN + 1])
{
    char *at = ret_text;
    memcpy(at, TOKEN_PREFIX, sizeof TOKEN_PREFIX - 1);
    at += sizeof TOKEN_PREFIX - 1;
    base62_encode(id, at, TOKEN_ID_LEN);
    at += TOKEN_ID_LEN;
    *at++ = '_';
    /* randombytes_uniform has no modulo bias */
    while (at < ret_text + TOKEN_CHECKED_LEN)
        base62_encode(randombytes_uniform(62), at++, 1);
    base62_encode(crc32(0, ret_text, TOKEN_CHECKED_LEN), at, TOKEN_CHECKSUM_LEN);
    ret_text[TOKEN_TEXT_LEN] = '\0';
}
