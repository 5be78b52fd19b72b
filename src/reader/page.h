/* SPDX-License-Identifier: ISC */
/*
 * The descent of a B+tree, from its root to the node of a key.
 *
 * MUST 1: a number from the file is loaded once (load.h), then checked, and only then used.
 * MUST 2: no recursion and no allocation. The depth is bounded, so that a cycle of pages ends.
 */
#ifndef ESPT_READER_PAGE_H
#define ESPT_READER_PAGE_H

#include "reader/types.h"

#define ROOT_EMPTY UINT64_MAX /* the root of a tree without keys */
#define DEPTH_MAX 32          /* LMDB's own bound (CURSOR_STACK) */

#define LINE 64 /* bytes of a cache line */

/* flags of a leaf node: a plain value, a value on overflow pages, or the record of a named table */
enum { LEAF_PLAIN = 0, LEAF_BIG = 1, LEAF_TABLE = 2 };

/* The value of a key on a leaf. `data` is within its page. */
struct leaf {
    unsigned flags;
    size_t len;
    const uint8_t *node;
    const uint8_t *data;
};

/* Opens a page and checks its header: OK, CORRUPT or BEYOND. */
ESPT_MUST_USE enum reader_status page_open(struct reader *reader, uint64_t number,
                                           struct page *ret_page);
/* Opens `len` bytes on overflow pages that begin at page `number`: OK, CORRUPT or BEYOND. */
ESPT_MUST_USE enum reader_status page_open_big(struct reader *reader, uint64_t number, uint64_t len,
                                               const uint8_t **ret_data);

/* Searches one page for the last node whose key is not above `key`, and returns its index. The
   first node of a branch has no key and counts as below all keys. OK: it is the key's own node, on
   a leaf. Else NONE or CORRUPT. If all keys of a leaf are above `key`, the index is 0. */
ESPT_MUST_USE enum reader_status page_search(const struct page *page, bool integer_keys,
                                             const uint8_t *key, size_t key_len,
                                             uint32_t *ret_index);

/* Descends from `root` to the last of `depth` levels. That page is prefetched but not read:
   page_open() and page_find_integer() continue from there, and the caller can do other work
   meanwhile. `depth` is what the tree's record says; a wrong one costs only time. For integer keys.
   OK, CORRUPT or BEYOND. `ret_guess`: where on that page the key may be. */
ESPT_MUST_USE enum reader_status page_approach(struct reader *reader, uint64_t root, unsigned depth,
                                               uint64_t key, uint64_t *ret_number,
                                               uint32_t *ret_guess);

/* Finds an integer key: OK, NONE, CORRUPT or BEYOND. `guess` is that of page_approach(), or 0; a
   wrong one costs only time. */
ESPT_MUST_USE enum reader_status page_find_integer(struct reader *reader, const struct page *root,
                                                   uint64_t key, uint32_t guess,
                                                   struct leaf *ret_leaf);
/* Finds a key of bytes: OK, NONE, CORRUPT or BEYOND. `guess`: the index of the leaf's node to try
   first. */
ESPT_MUST_USE enum reader_status page_find_name(struct reader *reader, const struct page *root,
                                                const void *key, size_t key_len, unsigned guess,
                                                struct leaf *ret_leaf);

/* Finds the record of an integer key at a place noted earlier in the same snapshot: OK or NONE.
   Other nodes of the page are not checked. */
ESPT_MUST_USE enum reader_status page_find_at(struct reader *reader, uint64_t number,
                                              uint32_t node_at, uint64_t key,
                                              struct leaf *ret_leaf);

/* Copies a plain value; `out` has RECORD_MAX bytes. OK or CORRUPT. */
ESPT_MUST_USE enum reader_status page_copy_value(const struct leaf *leaf, uint8_t *out,
                                                 size_t *ret_len);

#endif
