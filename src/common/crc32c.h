/* CRC-32C (Castagnoli; RFC 3720, B.4): reflected polynomial 0x82F63B78, initial and final all ones.
   The machine's own instruction where it has one. */
#ifndef ESPT_COMMON_CRC32C_H
#define ESPT_COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over `len` bytes. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* Over two pieces, as if they lay one after the other. */
uint32_t crc32c_two(uint32_t crc, const void *first, size_t first_len, const void *second,
                    size_t second_len);

/* The same by a table, as on machines without the instruction. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len);

#endif
