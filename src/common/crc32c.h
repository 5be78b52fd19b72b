/* SPDX-License-Identifier: ISC */
/* CRC-32C (Castagnoli; RFC 3720, B.4): reflected polynomial 0x82F63B78, initial and final all ones.
   Uses the processor's instruction (SSE4.2), if it has one. */
#ifndef ESPT_COMMON_CRC32C_H
#define ESPT_COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` over `len` bytes. Begin with 0. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* As crc32c(), over two pieces, as if the second followed the first in memory. */
uint32_t crc32c_two(uint32_t crc, const void *first, size_t first_len, const void *second,
                    size_t second_len);

/* As crc32c(), with a table, for processors without the instruction. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len);

#endif
