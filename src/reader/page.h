/*
 * The way down a B+tree, from its root to the node of a key.
 *
 * MUST 1: a number from the file is loaded once (load.h), checked, and only then used.
 * MUST 2: no recursion, no allocation; the depth is bounded, so that pages in a ring end.
 */
#ifndef ESPT_READER_PAGE_H
#define ESPT_READER_PAGE_H

#include "reader/reader.h"

#define ROOT_EMPTY UINT64_MAX /* of a tree without keys */
#define DEPTH_MAX 32          /* LMDB's own bound (CURSOR_STACK) */

#define LINE 64 /* bytes that come from memory at once */

/* flags: a value, one on pages of its own, or the record of a named table */
enum { LEAF_PLAIN = 0, LEAF_BIG = 1, LEAF_TABLE = 2 };

/* What a leaf says of a key. The data lie within their page. */
struct leaf {
    unsigned flags;
    size_t len;
    const uint8_t *node;
    const uint8_t *data;
};

/* The page of that number, if its header is whole: OK, CORRUPT or BEYOND. */
ESPT_MUST_USE enum reader_status page_open(struct reader *reader, uint64_t number,
                                           struct page *ret_page);
/* `len` bytes on overflow pages from that number on: OK, CORRUPT or BEYOND. */
ESPT_MUST_USE enum reader_status page_open_big(struct reader *reader, uint64_t number, uint32_t len,
                                               const uint8_t **ret_data);

/* Goes down from `root` as far as the last of `depth` levels, which is asked for but not looked at:
   page_open() and page_find_integer() go on from there, and meanwhile there is time for something
   else. `depth` is what the tree's record says; a wrong one costs time alone. Integer keys. OK,
   CORRUPT or BEYOND. `ret_guess`: where on that page the key may be. */
ESPT_MUST_USE enum reader_status page_approach(struct reader *reader, uint64_t root, unsigned depth,
                                               uint64_t key, uint64_t *ret_number,
                                               uint32_t *ret_guess);

/* OK, NONE, CORRUPT or BEYOND. `guess`: page_approach()'s, or 0; a wrong one costs time alone. */
ESPT_MUST_USE enum reader_status page_find_integer(struct reader *reader, const struct page *root,
                                                   uint64_t key, uint32_t guess,
                                                   struct leaf *ret_leaf);
/* The same for keys of bytes. `guess`: which of a leaf's nodes it may be. */
ESPT_MUST_USE enum reader_status page_find_name(struct reader *reader, const struct page *root,
                                                const void *key, size_t key_len, unsigned guess,
                                                struct leaf *ret_leaf);

/* The record of an integer key where it was before, in the same snapshot: OK, or NONE. What is
   around it is not looked at. */
ESPT_MUST_USE enum reader_status page_find_at(struct reader *reader, uint64_t number,
                                              uint32_t node_at, uint64_t key,
                                              struct leaf *ret_leaf);

#endif
