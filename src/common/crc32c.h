/* CRC-32C (Castagnoli; RFC 3720, B.4): reflected polynomial 0x82F63B78, initial and final all ones.
   The machine's own instruction where it has one. */
#ifndef ESPT_COMMON_CRC32C_H
#define ESPT_COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over `len` bytes. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The same by a table, as on machines without the instruction. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len);

#endif
