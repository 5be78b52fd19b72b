/* SPDX-License-Identifier: ISC */
/* Creates, opens and locks the file STORE.portal, and writes its records. passes.h says what it is
   for. */
#ifndef ESPT_PORTAL_PASSES_FILE_H
#define ESPT_PORTAL_PASSES_FILE_H

#include "portal/passes.h"

#define PASSES_RECORD 256
#define PASSES_FILE_SIZE ((size_t)PASSES_RECORD * (PASSES_MAX + 1))
#define PASSES_WAIT_MS 2000
#define PASSES_HINTS 1024

struct passes {
    char path[PATH_MAX];
    int fd;                      /* -1: it is not open */
    const uint8_t *map;          /* the header and all records, as they are in the file */
    uint16_t hint[PASSES_HINTS]; /* where a digest was found; by its first bytes */
};

/* Opens the file again if somebody removed it. Call it before `map` is used. */
ESPT_MUST_USE int passes_refresh(struct passes *passes, struct espt_error *err);
/* Takes the exclusive lock. ESPT_UNUSABLE: it was not free for so long. */
ESPT_MUST_USE int passes_lock(struct passes *passes, int64_t wait_ms, struct espt_error *err);
void passes_unlock(const struct passes *passes);
/* Writes the record with that number; 0 is the header. `durable`: it is on the disk on return. */
ESPT_MUST_USE int passes_write(struct passes *passes, size_t number, const void *record,
                               bool durable, struct espt_error *err);

#endif
