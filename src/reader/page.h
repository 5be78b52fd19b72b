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

enum { LEAF_PLAIN = 0, LEAF_TABLE = 2 }; /* flags: a value, or the record of a named table */

/* What a leaf says of a key. The data lie within their page. */
struct leaf {
    unsigned flags;
    size_t len;
    const uint8_t *data;
};

/* OK, NONE, CORRUPT or BEYOND. Integer keys have 8 bytes. */
ESPT_MUST_USE enum reader_status page_find(struct reader *reader, uint64_t root, const void *key,
                                           size_t key_len, bool integer_keys,
                                           struct leaf *ret_leaf);

#endif
