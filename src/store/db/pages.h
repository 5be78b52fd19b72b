/* SPDX-License-Identifier: ISC */
/*
 * One committed state of the store's file, page by page. liblmdb trusts what it maps; here the
 * reader's code checks each offset before it follows it (src/reader/page.h, node.h).
 *
 * The caller keeps the pages of that state from being overwritten: by a transaction in that
 * snapshot, or by the writers' lock.
 */
#ifndef ESPT_STORE_DB_PAGES_H
#define ESPT_STORE_DB_PAGES_H

#include "reader/node.h"
#include "reader/page.h"
#include "store/db/db.h"

/* LMDB's record of a B+tree, as stored in the file. */
struct tree_record {
    uint32_t pad; /* in the record of the list of free pages: the page size */
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries;
    uint64_t root; /* ROOT_EMPTY: no keys */
};

#define INTEGER_KEYS 8 /* flags of a tree's record */

/* The trees of a store: the main database (TABLE_STATE), the tables in it, and LMDB's list of free
   pages. */
#define TREE_FREE TABLE_COUNT
#define TREE_COUNT (TABLE_COUNT + 1)
const char *tree_name(unsigned tree);

struct pages {
    struct reader reader; /* of the store's file; without a mapping: closed */
    uint64_t transaction, last_page;
    struct tree_record tree[TREE_COUNT];
    bool lacks_notices; /* a file of schema 2: table notices counts as empty */
};

/* Maps the file that the environment has open. */
ESPT_MUST_USE int pages_open(struct pages *ret_pages, struct MDB_env *env,
                             const struct config *config, struct espt_error *err);
/* Maps a file that no environment has open. */
ESPT_MUST_USE int pages_open_file(struct pages *ret_pages, const struct config *config,
                                  struct espt_error *err);
void pages_close(struct pages *pages);

/* Reads the state of that transaction, which must be the newest one. */
enum pages_status {
    PAGES_READ,
    PAGES_AGAIN,   /* a writer committed meanwhile */
    PAGES_DAMAGED, /* a meta page or the main database is damaged; `*ret_page` is one of its pages
                    */
};
ESPT_MUST_USE enum pages_status pages_read_state(struct pages *pages, uint64_t transaction,
                                                 uint64_t *ret_page);

/* Describes the damage of the page that PAGES_DAMAGED names. */
const char *pages_damage(uint64_t page);

/* The bounds of a page's keys: low <= key < high. `bytes` NULL: no bound. */
struct bound {
    const uint8_t *bytes;
    size_t len;
};
struct span {
    struct bound low, high;
};

/* Opens a page of a tree and checks all of it: its header is intact; its nodes fill it; its keys
   rise and are within the span; its values are of the tree's kind. Returns NULL, or what is wrong,
   as a text that follows the page's number in a message. */
ESPT_MUST_USE const char *pages_check(struct pages *pages, unsigned tree, uint64_t number,
                                      bool leaf, const struct span *span, struct page *ret_page);
/* The span of a branch's child, within the span of the branch. */
struct span pages_child_span(const struct page *page, uint32_t index, const struct span *span);
int pages_order(unsigned tree, struct bound a, struct bound b);
struct bound pages_key(const struct node *node);
/* Finds the value of a leaf's node. False: it is not properly within the file. `ret_overflow`: the
   first overflow page that holds it, and how many; 0 pages if there are none. */
struct page_run {
    uint64_t first, count;
};
ESPT_MUST_USE bool pages_value(struct pages *pages, const struct node *node,
                               struct record_value *ret_value, struct page_run *ret_overflow);

#endif
