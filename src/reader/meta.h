/*
 * The two meta pages, which take turns: transaction T is committed by writing page T mod 2.
 */
#ifndef ESPT_READER_META_H
#define ESPT_READER_META_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

#define META_PAGES 2
#define META_MAGIC 0xBEEFC0DEu
#define META_VERSION 1u

/* Offsets into a meta page; in LMDB's words: header, MDB_meta, and MDB_db within it. */
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

struct metas {
    uint64_t transaction; /* the newer one's id */
    uint64_t root;        /* of its main database */
    uint64_t free_root;   /* of its list of free pages */
    uint64_t last_page;   /* the highest number that it uses or lists as free */
    uint64_t older_root;  /* of the main database before it */
};

/* False: one of the pages is not whole, or their ids do not follow one another. */
ESPT_MUST_USE bool meta_read(const struct reader *reader, struct metas *ret_metas);

/* The newer id alone, as it is now. */
uint64_t meta_newest(const struct reader *reader);

#endif
