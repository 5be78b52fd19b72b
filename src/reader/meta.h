/* SPDX-License-Identifier: ISC */
/*
 * The two meta pages, which alternate: the commit of transaction T writes meta page T mod 2.
 */
#ifndef ESPT_READER_META_H
#define ESPT_READER_META_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

#define META_PAGES 2
#define META_MAGIC 0xBEEFC0DEu
#define META_VERSION 1u

/* Offsets into a meta page. LMDB's names: page header, MDB_meta, and the MDB_db records in it. */
enum {
    META_AT_NUMBER = 0,
    META_AT_FLAGS = 10,
    META_AT_MAGIC = 16,
    META_AT_VERSION = 20,
    META_AT_MAP_SIZE = 32,
    META_AT_PAGE_SIZE = 40, /* first field of the free list's record */
    META_AT_FREE_ROOT = 80,
    META_AT_MAIN_ROOT = 128,
    META_AT_LAST_PAGE = 136,
    META_AT_TRANSACTION = 144,
    META_END = 152,
};

struct reader;
struct snapshot;

struct metas {
    uint64_t transaction; /* id of the newest transaction */
    uint64_t root;        /* root of its main database */
    uint64_t free_root;   /* root of its free list */
    uint64_t last_page;   /* highest page number that it uses or lists as free */
    uint64_t older_root;  /* root of the main database of the previous transaction */
};

/* False: one of the meta pages is not intact, or their ids are not consecutive. */
ESPT_MUST_USE bool meta_read(const struct reader *reader, struct metas *ret_metas);

/* Loads the id of the newest transaction now. */
uint64_t meta_newest(const struct reader *reader);

/* True: the meta page of the snapshot's transaction still holds that transaction and all the roots
   that the snapshot uses. A meta page that was read during a write may have held parts of two
   transactions. */
bool meta_holds(const struct snapshot *snapshot);

#endif
