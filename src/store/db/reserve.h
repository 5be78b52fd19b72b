/* SPDX-License-Identifier: ISC */
/*
 * Space that is reserved for revocations on a full disk: STORE.reserve, a file of RESERVE_BYTES
 * whose blocks are allocated. A revocation (a change that switches something off) frees them step
 * by step until its commit succeeds, so a leaked token can be switched off even then. A later
 * command allocates the file again when the disk has room for it twice.
 *
 * In the same way only revocations may use the last part of map_size (reserve_map()).
 *
 * The file has mode 0600, and is checked by descriptor as lock files are: a file that another user
 * may write, or that has a second name, is not touched.
 */
#ifndef ESPT_STORE_DB_RESERVE_H
#define ESPT_STORE_DB_RESERVE_H

#include "common/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESERVE_BYTES ((off_t)2 << 20)
#define RESERVE_STEP ((off_t)128 << 10)

/* The part of a map of that size that is reserved, in bytes. */
static inline size_t reserve_map(uint64_t map_size)
{
    const uint64_t most = UINT64_C(4) << 20;
    return (size_t)(map_size / 8 < most ? map_size / 8 : most);
}

/* Allocates the whole file if the disk has room. A failure is ignored; a later call tries again. */
void reserve_refill(const char *store_path);
/* Frees one step on a full disk. False: the disk is not full, or nothing is left to free. */
bool reserve_release(const char *store_path);

#endif
