/* SPDX-License-Identifier: ISC */
/* A store file in memory, of which single fields of pages are read and damaged. */
#ifndef TESTS_FAULT_PAGE_BYTES_H
#define TESTS_FAULT_PAGE_BYTES_H

#include "common/record.h"
#include "reader/meta.h"

#include <check.h>
#include <string.h>

#define PAGE 4096u
#define NODE_OFFSETS_END 12 /* of a page: where that array ends */
#define NODES_AT 16         /* of a page: the array of node offsets */
#define NODE_DATA 16        /* of a node in the free list: the size of its header and key */
/* Offsets in LMDB's record of a tree. */
enum { TREE_FLAGS = 4, TREE_DEPTH = 6, TREE_LEAVES = 16, TREE_ENTRIES = 32, TREE_ROOT = 40 };

static char *bytes;
static size_t size;

static inline uint64_t word_at(size_t at)
{
    uint64_t word;
    memcpy(&word, bytes + at, sizeof word);
    return word;
}

static inline void set_word(size_t at, uint64_t word)
{
    memcpy(bytes + at, &word, sizeof word);
}

static inline uint16_t half_at(size_t at)
{
    uint16_t half;
    memcpy(&half, bytes + at, sizeof half);
    return half;
}

/* The offset of the newest meta page. */
static inline size_t meta(void)
{
    return word_at(META_AT_TRANSACTION) > word_at(PAGE + META_AT_TRANSACTION) ? 0 : PAGE;
}

static inline size_t node(uint64_t page, unsigned index)
{
    return page * PAGE + half_at(page * PAGE + NODES_AT + 2 * index);
}

/* LMDB's record of a table, in the only leaf of the main database. */
static inline size_t table_at(enum table table)
{
    const char *name = table_name(table);
    const uint64_t main = word_at(meta() + META_AT_MAIN_ROOT);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        const size_t at = node(main, i);
        if (half_at(at + 6) == strlen(name) && memcmp(bytes + at + 8, name, strlen(name)) == 0)
            return at + 8 + strlen(name);
    }
    ck_abort_msg("no table %s", name);
}

static inline uint64_t root_of(enum table table)
{
    return word_at(table_at(table) + TREE_ROOT);
}

static inline unsigned node_count(uint64_t page)
{
    return (half_at(page * PAGE + NODE_OFFSETS_END) - NODES_AT) / 2u;
}

/* The number of the page that a node of a branch leads to. Test stores have less than 65,536 pages.
 */
static inline uint64_t child(uint64_t branch, unsigned index)
{
    return half_at(node(branch, index));
}

static inline void set_child(uint64_t branch, unsigned index, uint64_t page)
{
    const uint16_t low = (uint16_t)page;
    memcpy(bytes + node(branch, index), &low, sizeof low);
}

#endif
