/*
 * Which way is taken is asked of the processor once, at the first use: no constructor runs in a
 * host. Two threads that ask at once come to the same answer.
 */
#include "common/crc32c.h"

#include <stdatomic.h>
#include <string.h>

/* A CRC is linear: each entry is the sum (xor) of those of its single bits. */
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

#include <cpuid.h>
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *data,
                                                                 size_t len)
{
    const uint8_t *byte = data;
    uint64_t sum = ~crc;
    for (; len >= 8; byte += 8, len -= 8) {
        uint64_t eight;
        memcpy(&eight, byte, sizeof eight);
        sum = _mm_crc32_u64(sum, eight);
    }
    for (; len > 0; byte++, len--)
        sum = _mm_crc32_u8((uint32_t)sum, *byte);
    return ~(uint32_t)sum;
}

/* cpuid takes long in a virtual machine: it is asked once. */
static int has_instruction(void)
{
    enum { UNKNOWN, YES, NO };
    static atomic_int known;
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == UNKNOWN) {
        unsigned a, b, c, d;
        answer = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_2) != 0 ? YES : NO;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == YES;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
    return has_instruction() ? by_instruction(crc, data, len) : crc32c_by_table(crc, data, len);
}

#else

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
    return crc32c_by_table(crc, data, len);
}

#endif
