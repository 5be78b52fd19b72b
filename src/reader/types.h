/* SPDX-License-Identifier: ISC */
/* What the files of the reader share: its statuses, an open file, a page, a snapshot (reader.h). */
#ifndef ESPT_READER_TYPES_H
#define ESPT_READER_TYPES_H

#include "common/error.h"
#include "common/record.h"
#include "common/state.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reader_status {
    READER_OK = 1,
    READER_NONE = 0,     /* no such key */
    READER_AGAIN = -1,   /* a writer committed meanwhile: begin again */
    READER_CORRUPT = -2, /* damaged, or a writer is changing this place: see each function */
    READER_CLOSED = -3,  /* the file has been replaced: open the path again */
    READER_NEWER = -4,   /* of a newer schema */
    READER_BEYOND = -5,  /* the file has outgrown the mapping: reader_widen() */
    READER_OLDER = -6,   /* of an older schema: run 'esp-tokenctl upgrade' */
};

struct cache;

struct reader {
    const uint8_t *map;
    size_t mapped;         /* bytes of address space, including those beyond the end of the file */
    uint64_t dev, ino;     /* of the file */
    _Atomic uint64_t size; /* of the file, as last read; read again if a page is beyond it */
    uint64_t largest;      /* the largest size of the store: the mapping needs no more */
    uint32_t page_size;
    int fd;              /* owned */
    struct cache *cache; /* owned; NULL: no memory, and each look-up works without it */
};

/* A page whose header was checked. */
struct page {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t upper; /* offset of the first node */
    uint32_t count;
    bool leaf;
};

struct tree {
    uint64_t root; /* page number; ROOT_EMPTY: no keys */
    uint16_t depth;
};

struct snapshot {
    struct reader *reader;
    uint64_t transaction;
    uint64_t root;     /* page number of the main database's root */
    struct page main;  /* that page, opened */
    uint32_t state_at; /* offset of the state record's value on it; 0: it is on another page */
    uint64_t free_root, last_page;
    struct state_record state;
    struct tree auth, resellers; /* valid if `cached` is not 0 */
    uint64_t cached;             /* the cache's sequence from which this snapshot came; 0: none */
    uint64_t base;               /* facts about pages are valid since that sequence */
};

/* The identity of the snapshot's state. */
static inline struct state_id reader_state_id(const struct snapshot *snapshot)
{
    return (struct state_id){snapshot->reader->dev, snapshot->reader->ino, snapshot->state.nonce,
                             snapshot->state.revision};
}

#endif
