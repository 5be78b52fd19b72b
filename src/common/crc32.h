/* SPDX-License-Identifier: ISC */
/* CRC-32 as in IEEE 802.3 and zlib: reflected polynomial 0xEDB88320, initial and final all ones. */
#ifndef ESPT_COMMON_CRC32_H
#define ESPT_COMMON_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` over `len` bytes. Begin with 0. */
uint32_t crc32(uint32_t crc, const void *data, size_t len);

#endif
