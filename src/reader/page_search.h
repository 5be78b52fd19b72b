/* SPDX-License-Identifier: ISC */
/* The search for a key on one page. Inline, for the descents in page.c and page_approach.c: the
   search is most of their work. */
#ifndef ESPT_READER_PAGE_SEARCH_H
#define ESPT_READER_PAGE_SEARCH_H

#include "reader/load.h"
#include "reader/node.h"
#include "reader/page.h"

#include <string.h>

/* Once a search range has no more nodes than this, they are all prefetched. */
#define FEW_NODES 15
#define PREFETCH_LINES 16 /* at most, in cache lines: a quarter of a page */
/* Nodes on each side of a guess. If ids were drawn at an even rate over the page, nearly all keys
   are within this distance. */
#define GUESS_NODES 5
#define GUESS_BITS 16

/* Negative, 0 or positive, if the key is before the node's key, equal to it, or after it. */
static inline int compare(const uint8_t *key, size_t len, const struct node *node)
{
    const uint8_t *other = node_key(node);
    size_t shorter = len < node->key_len ? len : node->key_len;
    READER_LOAD(other, shorter);
    /* The names of the tables differ in their first byte, so this often saves the call. */
    int order = shorter != 0 ? key[0] - other[0] : 0;
    if (order == 0)
        order = memcmp(key, other, shorter);
    return order != 0 ? order : (len > node->key_len) - (len < node->key_len);
}

/* 1: the integer key at `index` is not above `key`. 0: it is above. Negative: its node is not
   within the page. One comparison checks both bound and alignment: an odd offset, rotated, is above
   every bound. */
static inline int reached(const struct page *page, uint32_t index, uint64_t key)
{
    const uint32_t last = page->size - NODE_HEADER - (uint32_t)sizeof key;
    const uint32_t at = load16(page->bytes + PAGE_HEADER + 2 * (size_t)index);
    const uint32_t behind = at - page->upper;
    if ((behind >> 1 | behind << 31) > (last - page->upper) >> 1 ||
        load16(page->bytes + at + NODE_AT_KEY_LEN) != sizeof key)
        return -1;
    READER_STEP();
    return load64_anywhere(page->bytes + at + NODE_HEADER) <= key ? 1 : 0;
}

/* A range of nodes that contains the last node whose key is not above `key`. */
struct range {
    uint32_t low, left;
};

/* Prefetches the nodes of a range. They are contiguous in memory; where keys were added in rising
   order, the last node has the lowest address. The offsets are not checked yet, but nothing is
   read: a prefetch of an invalid address has no effect. */
static inline void prefetch_nodes(const struct page *page, const struct range *range)
{
    const uint8_t *offsets = page->bytes + PAGE_HEADER + 2 * (size_t)range->low;
    const uint8_t *from = page->bytes + load16(offsets + 2 * (size_t)(range->left - 1));
    const uint8_t *last = page->bytes + load16(offsets) + LINE;
    for (unsigned i = 0; i < PREFETCH_LINES && from <= last; i++, from += LINE)
        prefetch_line(from);
}

/* Halves the range twice in one step. The three nodes that this may read are loaded in parallel, so
   the step waits for memory once. No branch depends on the result, because every second branch
   would be mispredicted. False: a node is not within the page. */
static inline bool narrow(const struct page *page, uint64_t key, uint32_t enough,
                          struct range *range)
{
    uint32_t low = range->low, left = range->left;
    while (left > enough) {
        const uint32_t half = left / 2, quarter = (left - half) / 2;
        int first = reached(page, low + quarter, key);
        int second = reached(page, low + half, key);
        int third = reached(page, low + half + quarter, key);
        if ((first | second | third) < 0)
            return false;
        first = second != 0 ? third : first;
        low += (second != 0 ? half : 0) + (first != 0 ? quarter : 0);
        left -= half + quarter;
    }
    *range = (struct range){low, left};
    return true;
}

/* Narrows the range to the nodes around a guess if the key is among them, else to the nodes on the
   key's side of the guess. */
static inline bool narrow_to_guess(const struct page *page, uint64_t key, uint32_t guess,
                                   struct range *range)
{
    const uint32_t middle = (uint32_t)((uint64_t)guess * page->count >> GUESS_BITS);
    const uint32_t low = middle > GUESS_NODES ? middle - GUESS_NODES : 0;
    const uint32_t high =
        page->count - middle > GUESS_NODES ? middle + GUESS_NODES : page->count - 1;
    const int first = reached(page, low, key), last = reached(page, high, key);
    if ((first | last) < 0)
        return false;
    if (last != 0)
        *range = (struct range){high, page->count - high};
    else if (first != 0)
        *range = (struct range){low, high - low};
    else
        *range = (struct range){0, low > 0 ? low : 1};
    return true;
}

/* Finds the last node whose key is not above `key`, and its index. OK: it is the key's own node, on
   a leaf. Else NONE. The first node of a branch counts as below all keys. */
static inline enum reader_status search_integers(const struct page *page, uint64_t key,
                                                 uint32_t guess, struct node *ret_node,
                                                 uint32_t *ret_index)
{
    struct range range = {0, page->count};
    if (page->size - page->upper < NODE_HEADER + sizeof key)
        return READER_CORRUPT;
    if (guess != 0 && !narrow_to_guess(page, key, guess, &range))
        return READER_CORRUPT;
    if (range.left > FEW_NODES && narrow(page, key, range.left / 2, &range))
        prefetch_nodes(page, &range);
    if (!narrow(page, key, 2, &range))
        return READER_CORRUPT;
    uint32_t low = range.low, left = range.left;
    if (left == 2) {
        int second = reached(page, low + 1, key);
        if (second < 0)
            return READER_CORRUPT;
        low += (uint32_t)second;
    }
    if (!node_at(page, low, ret_node))
        return READER_CORRUPT;
    *ret_index = low;
    if (!page->leaf)
        return READER_NONE;
    uint64_t found;
    if (!node_integer(ret_node, &found))
        return READER_CORRUPT;
    return found == key ? READER_OK : READER_NONE;
}

/* A binary search. OK: *ret_node is the node of `key`. NONE: *ret_index is the last node below
   `key`, or 0 if there is none; on a branch *ret_node is that node. */
static inline enum reader_status search_names(const struct page *page, const uint8_t *key,
                                              size_t key_len, unsigned guess, struct node *ret_node,
                                              uint32_t *ret_index)
{
    uint32_t low = page->leaf ? 0 : 1, high = page->count, middle = guess;
    while (low < high) {
        if (middle < low || middle >= high)
            middle = (low + high) / 2;
        if (!node_at(page, middle, ret_node))
            return READER_CORRUPT;
        int order = compare(key, key_len, ret_node);
        *ret_index = middle;
        if (order == 0)
            return READER_OK;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
        middle = (low + high) / 2;
    }
    *ret_index = low > 0 ? low - 1 : 0;
    if (!page->leaf && !node_at(page, low - 1, ret_node))
        return READER_CORRUPT;
    return READER_NONE;
}

#endif
