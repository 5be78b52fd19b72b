/* SPDX-License-Identifier: ISC */
#include "common/crc32c.h"

#include "common/cpu.h"

#include <string.h>

/* A CRC is linear: each entry is the xor of the entries of its single bits. */
#define BIT(b, i, crc) ((((b) >> (i)) & 1) != 0 ? (crc) : 0u)
#define CRC(b)                                                               \
    (BIT(b, 0, 0xf26b8303) ^ BIT(b, 1, 0xe13b70f7) ^ BIT(b, 2, 0xc79a971f) ^ \
     BIT(b, 3, 0x8ad958cf) ^ BIT(b, 4, 0x105ec76f) ^ BIT(b, 5, 0x20bd8ede) ^ \
     BIT(b, 6, 0x417b1dbc) ^ BIT(b, 7, 0x82f63b78))
#define ROW4(b) CRC(b), CRC((b) + 1), CRC((b) + 2), CRC((b) + 3)
#define ROW16(b) ROW4(b), ROW4((b) + 4), ROW4((b) + 8), ROW4((b) + 12)
#define ROW64(b) ROW16(b), ROW16((b) + 16), ROW16((b) + 32), ROW16((b) + 48)

static const uint32_t table[256] = {ROW64(0u), ROW64(64u), ROW64(128u), ROW64(192u)};

uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *byte = data;
    crc = ~crc;
    for (; len > 0; byte++, len--)
        crc = (crc >> 8) ^ table[(crc ^ *byte) & 0xff];
    return ~crc;
}

#if defined __x86_64__

#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static inline uint64_t add_short(uint64_t sum,
                                                                   const uint8_t *byte, size_t len)
{
    for (; len > 0; byte++, len--)
        sum = _mm_crc32_u8((uint32_t)sum, *byte);
    return sum;
}

/* `sum` is the inverted checksum. The 0 to 7 bytes at the end are added as one word, padded with
   zeros, so that no branch depends on their number, which would be mispredicted. */
__attribute__((target("sse4.2"))) static inline uint64_t add(uint64_t sum, const uint8_t *byte,
                                                             size_t len)
{
    uint64_t word;
    if (len < sizeof word)
        return add_short(sum, byte, len);
    for (; len >= sizeof word; byte += sizeof word, len -= sizeof word) {
        memcpy(&word, byte, sizeof word);
        sum = _mm_crc32_u64(sum, word);
    }
    const unsigned odd = 8 * (unsigned)len;
    memcpy(&word, byte + len - sizeof word,
           sizeof word); /* the bytes at the end are its upper bytes */
    word = word >> 8 >> (56 - odd) ^ sum;
    return _mm_crc32_u64(0, word << (56 - odd) << 8) ^ sum >> odd;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *first,
                                                                 size_t first_len,
                                                                 const void *second,
                                                                 size_t second_len)
{
    return ~(uint32_t)add(add(~crc, first, first_len), second, second_len);
}

uint32_t crc32c_two(uint32_t crc, const void *first, size_t first_len, const void *second,
                    size_t second_len)
{
    if (cpu_has(CPU_CRC32C))
        return by_instruction(crc, first, first_len, second, second_len);
    return crc32c_by_table(crc32c_by_table(crc, first, first_len), second, second_len);
}

#else

uint32_t crc32c_two(uint32_t crc, const void *first, size_t first_len, const void *second,
                    size_t second_len)
{
    return crc32c_by_table(crc32c_by_table(crc, first, first_len), second, second_len);
}

#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
    return crc32c_two(crc, data, len, "", 0);
}
