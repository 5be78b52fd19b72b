/* SPDX-License-Identifier: ISC */
#include "common/crc32.h"

#include "common/cpu.h"

#include <endian.h>
#include <string.h>

/*
 * Slicing by 8: table[k][b] is the CRC of byte b followed by k zero bytes, and each step processes
 * eight bytes. A CRC is linear, so each entry is the xor of the entries of its single bits. The
 * compiler builds the tables from 64 constants, so no host runs a constructor or takes a lock.
 */
#define BIT(b, i, crc) ((((b) >> (i)) & 1) != 0 ? (crc) : 0u)

#define CRC0(b)                                                              \
    (BIT(b, 0, 0x77073096) ^ BIT(b, 1, 0xee0e612c) ^ BIT(b, 2, 0x076dc419) ^ \
     BIT(b, 3, 0x0edb8832) ^ BIT(b, 4, 0x1db71064) ^ BIT(b, 5, 0x3b6e20c8) ^ \
     BIT(b, 6, 0x76dc4190) ^ BIT(b, 7, 0xedb88320))
#define CRC1(b)                                                              \
    (BIT(b, 0, 0x191b3141) ^ BIT(b, 1, 0x32366282) ^ BIT(b, 2, 0x646cc504) ^ \
     BIT(b, 3, 0xc8d98a08) ^ BIT(b, 4, 0x4ac21251) ^ BIT(b, 5, 0x958424a2) ^ \
     BIT(b, 6, 0xf0794f05) ^ BIT(b, 7, 0x3b83984b))
#define CRC2(b)                                                              \
    (BIT(b, 0, 0x01c26a37) ^ BIT(b, 1, 0x0384d46e) ^ BIT(b, 2, 0x0709a8dc) ^ \
     BIT(b, 3, 0x0e1351b8) ^ BIT(b, 4, 0x1c26a370) ^ BIT(b, 5, 0x384d46e0) ^ \
     BIT(b, 6, 0x709a8dc0) ^ BIT(b, 7, 0xe1351b80))
#define CRC3(b)                                                              \
    (BIT(b, 0, 0xb8bc6765) ^ BIT(b, 1, 0xaa09c88b) ^ BIT(b, 2, 0x8f629757) ^ \
     BIT(b, 3, 0xc5b428ef) ^ BIT(b, 4, 0x5019579f) ^ BIT(b, 5, 0xa032af3e) ^ \
     BIT(b, 6, 0x9b14583d) ^ BIT(b, 7, 0xed59b63b))
#define CRC4(b)                                                              \
    (BIT(b, 0, 0x3d6029b0) ^ BIT(b, 1, 0x7ac05360) ^ BIT(b, 2, 0xf580a6c0) ^ \
     BIT(b, 3, 0x30704bc1) ^ BIT(b, 4, 0x60e09782) ^ BIT(b, 5, 0xc1c12f04) ^ \
     BIT(b, 6, 0x58f35849) ^ BIT(b, 7, 0xb1e6b092))
#define CRC5(b)                                                              \
    (BIT(b, 0, 0xcb5cd3a5) ^ BIT(b, 1, 0x4dc8a10b) ^ BIT(b, 2, 0x9b914216) ^ \
     BIT(b, 3, 0xec53826d) ^ BIT(b, 4, 0x03d6029b) ^ BIT(b, 5, 0x07ac0536) ^ \
     BIT(b, 6, 0x0f580a6c) ^ BIT(b, 7, 0x1eb014d8))
#define CRC6(b)                                                              \
    (BIT(b, 0, 0xa6770bb4) ^ BIT(b, 1, 0x979f1129) ^ BIT(b, 2, 0xf44f2413) ^ \
     BIT(b, 3, 0x33ef4e67) ^ BIT(b, 4, 0x67de9cce) ^ BIT(b, 5, 0xcfbd399c) ^ \
     BIT(b, 6, 0x440b7579) ^ BIT(b, 7, 0x8816eaf2))
#define CRC7(b)                                                              \
    (BIT(b, 0, 0xccaa009e) ^ BIT(b, 1, 0x4225077d) ^ BIT(b, 2, 0x844a0efa) ^ \
     BIT(b, 3, 0xd3e51bb5) ^ BIT(b, 4, 0x7cbb312b) ^ BIT(b, 5, 0xf9766256) ^ \
     BIT(b, 6, 0x299dc2ed) ^ BIT(b, 7, 0x533b85da))

#define ROW4(crc, b) crc(b), crc((b) + 1), crc((b) + 2), crc((b) + 3)
#define ROW16(crc, b) ROW4(crc, b), ROW4(crc, (b) + 4), ROW4(crc, (b) + 8), ROW4(crc, (b) + 12)
#define ROW64(crc, b) \
    ROW16(crc, b), ROW16(crc, (b) + 16), ROW16(crc, (b) + 32), ROW16(crc, (b) + 48)
#define TABLE(crc)                                                          \
    {                                                                       \
        ROW64(crc, 0u), ROW64(crc, 64u), ROW64(crc, 128u), ROW64(crc, 192u) \
    }

static const uint32_t table[8][256] = {
    TABLE(CRC0), TABLE(CRC1), TABLE(CRC2), TABLE(CRC3),
    TABLE(CRC4), TABLE(CRC5), TABLE(CRC6), TABLE(CRC7),
};

static uint32_t by_table(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *byte = data;
    crc = ~crc;
    for (; len >= 8; byte += 8, len -= 8) {
        uint64_t eight;
        memcpy(&eight, byte, sizeof eight);
        eight = le64toh(eight) ^ crc;
        crc = table[7][eight & 0xff] ^ table[6][(eight >> 8) & 0xff] ^
              table[5][(eight >> 16) & 0xff] ^ table[4][(eight >> 24) & 0xff] ^
              table[3][(eight >> 32) & 0xff] ^ table[2][(eight >> 40) & 0xff] ^
              table[1][(eight >> 48) & 0xff] ^ table[0][eight >> 56];
    }
    for (; len > 0; byte++, len--)
        crc = (crc >> 8) ^ table[0][(crc ^ *byte) & 0xff];
    return ~crc;
}

#if defined __x86_64__

#include <immintrin.h>

#define LANE 16

/*
 * Carry-less multiplication, sixteen bytes at a time (Gopal et al., "Fast CRC Computation for
 * Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009, in its reflected form). The bytes
 * read so far are a polynomial; multiplying it by x^n mod P shifts it by n bits. `len` is a
 * multiple of LANE and not 0.
 */
__attribute__((target("pclmul,sse4.1"))) static uint32_t
by_multiplication(uint32_t crc, const uint8_t *byte, size_t len)
{
    const __m128i on_128 =
        _mm_set_epi64x(0x0ccaa009e, 0x1751997d0); /* shift by 64 and by 128 bits */
    const __m128i on_32 = _mm_set_epi64x(0, 0x163cd6124);
    const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641); /* 1 / P, and P */
    const __m128i low_32 = _mm_set_epi32(0, -1, 0, -1);
    __m128i sum = _mm_xor_si128(_mm_loadu_si128((const void *)byte), _mm_cvtsi32_si128((int)~crc));
    for (size_t at = LANE; at < len; at += LANE)
        sum = _mm_xor_si128(_mm_loadu_si128((const void *)(byte + at)),
                            _mm_xor_si128(_mm_clmulepi64_si128(sum, on_128, 0x00),
                                          _mm_clmulepi64_si128(sum, on_128, 0x11)));
    sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, on_128, 0x10));
    sum = _mm_xor_si128(_mm_srli_si128(sum, 4),
                        _mm_clmulepi64_si128(_mm_and_si128(sum, low_32), on_32, 0x00));
    __m128i times = _mm_clmulepi64_si128(_mm_and_si128(sum, low_32), barrett, 0x10);
    times = _mm_clmulepi64_si128(_mm_and_si128(times, low_32), barrett, 0x00);
    return ~(uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, times), 1);
}

uint32_t crc32(uint32_t crc, const void *data, size_t len)
{
    if (len == 0 || len % LANE != 0 || !cpu_has(CPU_CLMUL))
        return by_table(crc, data, len);
    return by_multiplication(crc, data, len);
}

#else

uint32_t crc32(uint32_t crc, const void *data, size_t len)
{
    return by_table(crc, data, len);
}

#endif
