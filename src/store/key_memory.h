/* SPDX-License-Identifier: ISC */
/* Locked memory for secret keys and passphrases (keyfile.h, MUST 1). */
#ifndef ESPT_STORE_KEY_MEMORY_H
#define ESPT_STORE_KEY_MEMORY_H

#include "common/error.h"

#include <sodium.h>
#include <string.h>

/* Zeroes in locked memory. NULL on failure, with the reason in `err`. */
static inline void *key_memory(size_t size, struct espt_error *err)
{
    void *memory = sodium_malloc(size);
    if (memory == NULL)
        espt_fail(err, ESPT_UNUSABLE, "no locked memory for a secret key; raise ulimit -l");
    else
        memset(memory, 0, size);
    return memory;
}

/* Wipes and frees it; for __attribute__((cleanup)). */
static inline void key_memory_free(char **text)
{
    sodium_free(*text);
}

#endif
