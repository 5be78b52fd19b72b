/* SPDX-License-Identifier: ISC */
#include "store/db/page_owners.h"

#include "reader/meta.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values of `owner`: the number of the tree that uses the page, plus 1; or that the page is
   free. */
enum { NOBODY = 0, LISTED_FREE = TREE_COUNT + 1 };

/* The flag with which LMDB opened the environment when the store was created (MDB_NOSUBDIR). LMDB
   keeps it among the flags of the list of free pages. */
#define ENVIRONMENT_FLAGS 0x4000u

/* Counts a fault and passes it to `fn`. Returns false always. */
static bool ESPT_PRINTF(3, 4) fault(struct owners *owners, uint64_t page, const char *format, ...)
{
    char text[256];
    va_list args;
    owners->faults++;
    if (owners->fn == NULL)
        return false;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    owners->fn(owners->arg, page, text);
    return false;
}

/* --- owners --- */

static bool is_disputed(struct owners *owners, uint64_t page, uint8_t one, uint8_t other)
{
    if (one == LISTED_FREE && other == LISTED_FREE)
        return fault(owners, page, "it is listed as free twice");
    if (one == LISTED_FREE || other == LISTED_FREE)
        return fault(owners, page, "it is listed as free, but %s uses it",
                     tree_name((one == LISTED_FREE ? other : one) - 1u));
    if (one == other)
        return fault(owners, page, "%s uses it twice", tree_name(one - 1u));
    return fault(owners, page, "%s and %s both use it", tree_name(one - 1u), tree_name(other - 1u));
}

static bool claim(struct owners *owners, uint64_t page, uint8_t owner)
{
    const char *what = owner == LISTED_FREE ? "listed as free" : "used";
    if (page < META_PAGES)
        return fault(owners, page, "it is a meta page, but is %s by %s", what,
                     tree_name(owner == LISTED_FREE ? TREE_FREE : owner - 1u));
    if (page > owners->pages->last_page)
        return fault(owners, page, "it is %s by %s, but is beyond the last page (%llu)", what,
                     tree_name(owner == LISTED_FREE ? TREE_FREE : owner - 1u),
                     (unsigned long long)owners->pages->last_page);
    if (owners->owner[page] != NOBODY)
        return is_disputed(owners, page, owners->owner[page], owner);
    owners->owner[page] = owner;
    return true;
}

/* --- leaves that lead to other pages --- */

static bool claim_run(struct owners *owners, unsigned tree, const struct page_run *run,
                      const struct record_value *value)
{
    const uint64_t size = owners->pages->reader.page_size;
    const uint64_t needed = (PAGE_HEADER + value->len + size - 1) / size;
    if (run->count < needed || (tree == TABLE_LOG && run->count != needed))
        return fault(owners, run->first, "%s: the length of a long value is wrong",
                     tree_name(tree));
    for (uint64_t i = 0; i < run->count; i++) {
        if (!claim(owners, run->first + i, (uint8_t)(tree + 1)))
            return false;
    }
    owners->seen.overflows += run->count;
    return true;
}

/* The list: a count, then that many page numbers, the highest first. */
static void claim_list(struct owners *owners, uint64_t leaf, uint64_t transaction,
                       const struct record_value *value)
{
    const uint8_t *numbers = value->data;
    uint64_t before = UINT64_MAX, count = 0;
    if (transaction == 0 || transaction > owners->pages->transaction)
        fault(owners, leaf, "%s: an entry has an impossible transaction number (%llu)",
              tree_name(TREE_FREE), (unsigned long long)transaction);
    if (value->len >= sizeof count)
        count = load64_anywhere(numbers);
    if (value->len < sizeof count || value->len % sizeof count != 0 ||
        count > value->len / sizeof count - 1) {
        fault(owners, leaf, "%s: the length of an entry is wrong", tree_name(TREE_FREE));
        return;
    }
    for (uint64_t i = 1; i <= count; i++) {
        const uint64_t number = load64_anywhere(numbers + i * sizeof number);
        if (number >= before) {
            fault(owners, leaf, "%s: the page numbers of an entry are out of order",
                  tree_name(TREE_FREE));
            return;
        }
        before = number;
        claim(owners, number, LISTED_FREE);
    }
}

static void claim_leaf(struct owners *owners, unsigned tree, uint64_t number,
                       const struct page *page)
{
    for (uint32_t i = 0; i < page->count; i++) {
        struct node node;
        struct record_value value;
        struct page_run run;
        if (!node_at(page, i, &node) || !pages_value(owners->pages, &node, &value, &run))
            fault(owners, number, "%s: the place of a long value is wrong", tree_name(tree));
        else if (run.count > 0 && !claim_run(owners, tree, &run, &value))
            continue;
        else if (tree == TREE_FREE)
            claim_list(owners, number, load64_anywhere(node_key(&node)), &value);
    }
    owners->seen.entries += page->count;
}

static bool reads_leaves(unsigned tree)
{
    return tree == TABLE_STATE || tree == TABLE_LOG || tree == TREE_FREE;
}

/* --- trees --- */

struct level {
    struct page page;
    struct span span;
    uint32_t next; /* index of the next child */
};

static unsigned flags_of(const struct owners *owners, unsigned tree)
{
    const unsigned flags = owners->pages->tree[tree].flags;
    return tree == TREE_FREE ? flags & ~ENVIRONMENT_FLAGS : flags;
}

static bool record_whole(struct owners *owners, unsigned tree)
{
    const struct tree_record *record = &owners->pages->tree[tree];
    const unsigned integer_keys =
        tree == TREE_FREE || table_has_integer_key((enum table)tree) ? INTEGER_KEYS : 0;
    const uint32_t pad = tree == TREE_FREE ? owners->pages->reader.page_size : 0;
    const bool empty = record->root == ROOT_EMPTY;
    const bool counts_none = record->depth == 0 && record->branch_pages == 0 &&
                             record->leaf_pages == 0 && record->overflow_pages == 0 &&
                             record->entries == 0;
    const uint64_t page = tree == TREE_FREE || tree == TABLE_STATE
                              ? owners->pages->transaction % META_PAGES
                              : owners->pages->tree[TABLE_STATE].root;
    if (flags_of(owners, tree) != integer_keys || record->pad != pad || empty != counts_none ||
        (!empty && (record->depth == 0 || record->depth > DEPTH_MAX)) ||
        (tree == TABLE_STATE &&
         record->entries != TABLE_COUNT - (uint64_t)owners->pages->lacks_notices))
        return fault(owners, page, "its record of %s is damaged", tree_name(tree));
    return true;
}

/* Enters a page at that depth (0: the root). True: it is a branch, and its children follow. */
static bool enter(struct owners *owners, unsigned tree, unsigned depth, uint64_t number,
                  const struct span *span, struct level *ret_level)
{
    const bool leaf = depth + 1 == owners->pages->tree[tree].depth;
    if (!claim(owners, number, (uint8_t)(tree + 1)))
        return false;
    owners->seen.leaves += leaf;
    owners->seen.branches += !leaf;
    if (leaf && !reads_leaves(tree))
        return false;
    *ret_level = (struct level){.span = *span};
    const char *wrong = pages_check(owners->pages, tree, number, leaf, span, &ret_level->page);
    if (wrong != NULL)
        return fault(owners, number, "%s: %s", tree_name(tree), wrong);
    if (leaf)
        claim_leaf(owners, tree, number, &ret_level->page);
    return !leaf;
}

static void walk(struct owners *owners, unsigned tree)
{
    struct level level[DEPTH_MAX];
    const struct span all = {0};
    unsigned depth = enter(owners, tree, 0, owners->pages->tree[tree].root, &all, &level[0]);
    while (depth > 0) {
        struct level *top = &level[depth - 1];
        struct node node;
        if (top->next == top->page.count) {
            depth--;
            continue;
        }
        const struct span span = pages_child_span(&top->page, top->next, &top->span);
        /* The node is there: pages_check() has checked the page. */
        if (node_at(&top->page, top->next++, &node) &&
            enter(owners, tree, depth, node_child(&node), &span, &level[depth]))
            depth++;
    }
}

static void claim_tree(struct owners *owners, unsigned tree)
{
    const struct tree_record *record = &owners->pages->tree[tree];
    const size_t faults = owners->faults;
    memset(&owners->seen, 0, sizeof owners->seen);
    if (!record_whole(owners, tree) || record->root == ROOT_EMPTY)
        return;
    walk(owners, tree);
    if (owners->faults == faults &&
        (record->branch_pages != owners->seen.branches ||
         record->leaf_pages != owners->seen.leaves ||
         record->overflow_pages != owners->seen.overflows ||
         (reads_leaves(tree) && record->entries != owners->seen.entries)))
        fault(owners, record->root,
              "%s: its number of pages or entries differs from that in its record",
              tree_name(tree));
}

static void count_unlisted(struct owners *owners)
{
    for (uint64_t i = META_PAGES; i <= owners->pages->last_page; i++) {
        if (owners->owner[i] != NOBODY)
            continue;
        if (owners->unlisted++ == 0)
            owners->first_unlisted = i;
    }
}

int owners_prove(struct owners *ret_owners, struct pages *pages, owners_fn fn, void *arg,
                 struct espt_error *err)
{
    *ret_owners = (struct owners){.pages = pages, .fn = fn, .arg = arg};
    ret_owners->owner = calloc(pages->last_page + 1, 1);
    if (ret_owners->owner == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    for (unsigned tree = 0; tree < TREE_FREE; tree++)
        claim_tree(ret_owners, tree);
    ret_owners->trees_whole = ret_owners->faults == 0;
    claim_tree(ret_owners, TREE_FREE);
    count_unlisted(ret_owners);
    return 0;
}

void owners_clear(struct owners *owners)
{
    free(owners->owner);
    *owners = (struct owners){0};
}

/* --- a file --- */

struct first {
    bool there;
    uint64_t page;
    char fault[256];
};

static void remember_first(void *arg, uint64_t page, const char *text)
{
    struct first *first = arg;
    if (first->there)
        return;
    *first = (struct first){.there = true, .page = page};
    snprintf(first->fault, sizeof first->fault, "%s", text);
}

static int prove_newest(struct pages *pages, struct first *first, struct espt_error *err)
{
    struct owners owners;
    uint64_t page;
    if (pages_read_state(pages, meta_newest(&pages->reader), &page) != PAGES_READ) {
        remember_first(first, page, pages_damage(page));
        return 0;
    }
    int code = owners_prove(&owners, pages, remember_first, first, err);
    owners_clear(&owners);
    return code;
}

int owners_prove_file(const struct config *config, const char *remedy, struct espt_error *err)
{
    struct pages pages;
    struct first first = {.there = false};
    int code = pages_open_file(&pages, config, err);
    if (code == 0)
        code = prove_newest(&pages, &first, err);
    pages_close(&pages);
    if (code == 0 && first.there)
        code = espt_fail(err, ESPT_UNUSABLE, "%s: the file is damaged: page %llu: %s; %s",
                         config->store, (unsigned long long)first.page, first.fault, remedy);
    return code;
}
