/* SPDX-License-Identifier: ISC */
#include "store/db/leaves.h"

#include <string.h>

static unsigned depth_of(const struct leaves *leaves)
{
    return leaves->pages->tree[leaves->table].depth;
}

/* The index of the first node of a page that may lead to a key that is not below `from`. */
static uint32_t first_node(const struct leaves *leaves, const struct page *page)
{
    const struct bound from = {leaves->from.bytes, leaves->from.len};
    uint32_t low = page->leaf ? 0 : 1, high = page->count;
    if (leaves->started || from.len == 0)
        return 0;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        struct node node;
        if (!node_at(page, middle, &node))
            return 0; /* cannot happen: pages_check() has checked it */
        const int order = pages_order(leaves->table, pages_key(&node), from);
        if (page->leaf ? order < 0 : order <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return page->leaf ? low : low - 1;
}

static bool enter(struct leaves *leaves, uint64_t number, const struct span *span)
{
    struct page *page = &leaves->level[leaves->depth].page;
    const bool leaf = leaves->depth + 1 == depth_of(leaves);
    leaves->number = number;
    if (!leaf)
        leaves->wrong = page_open(&leaves->pages->reader, number, page) == READER_OK
                            ? NULL
                            : "its header is damaged";
    else
        leaves->wrong = pages_check(leaves->pages, leaves->table, number, true, span, page);
    if (leaves->wrong != NULL)
        return false;
    leaves->level[leaves->depth].span = *span;
    leaves->level[leaves->depth].next = first_node(leaves, page);
    leaves->depth++;
    return true;
}

void leaves_begin(struct leaves *ret_leaves, struct pages *pages, enum table table,
                  const struct record_key *from)
{
    ret_leaves->pages = pages;
    ret_leaves->table = table;
    ret_leaves->depth = 0;
    ret_leaves->started = false;
    ret_leaves->wrong = NULL;
    ret_leaves->from.len = 0;
    if (from != NULL)
        ret_leaves->from = *from;
}

static bool read_record(struct leaves *leaves, const struct node *node)
{
    struct page_run run;
    if (!pages_value(leaves->pages, node, &leaves->value, &run)) {
        leaves->wrong = "the place of a long value is wrong";
        return false;
    }
    leaves->key.len = node->key_len; /* pages_check() has checked that it fits */
    memcpy(leaves->key.bytes, node_key(node), node->key_len);
    return true;
}

bool leaves_next(struct leaves *leaves)
{
    const struct tree_record *tree = &leaves->pages->tree[leaves->table];
    const struct span all = {0};
    if (!leaves->started && leaves->depth == 0 && tree->root != ROOT_EMPTY &&
        !enter(leaves, tree->root, &all))
        return false;
    while (leaves->depth > 0 && leaves->wrong == NULL) {
        const unsigned top = leaves->depth - 1;
        const struct page *page = &leaves->level[top].page;
        struct node node;
        if (leaves->level[top].next == page->count) {
            leaves->depth--;
            leaves->started = leaves->started || page->leaf;
            continue;
        }
        const uint32_t index = leaves->level[top].next++;
        if (!node_at(page, index, &node))
            return false; /* cannot happen: pages_check() has checked it */
        if (page->leaf) {
            leaves->started = true;
            return read_record(leaves, &node);
        }
        const struct span span = pages_child_span(page, index, &leaves->level[top].span);
        if (!enter(leaves, node_child(&node), &span))
            return false;
    }
    return false;
}

void leaves_skip(struct leaves *leaves)
{
    leaves->wrong = NULL;
    leaves->started = true;
}

bool leaves_last(struct pages *pages, enum table table, struct record_key *ret_key)
{
    uint64_t number = pages->tree[table].root;
    struct span span = {0};
    for (unsigned depth = 1; number != ROOT_EMPTY && depth <= pages->tree[table].depth; depth++) {
        const bool leaf = depth == pages->tree[table].depth;
        struct page page;
        struct node node;
        if (pages_check(pages, table, number, leaf, &span, &page) != NULL ||
            !node_at(&page, page.count - 1, &node))
            return false;
        if (leaf) {
            ret_key->len = node.key_len;
            memcpy(ret_key->bytes, node_key(&node), node.key_len);
            return true;
        }
        span = pages_child_span(&page, page.count - 1, &span);
        number = node_child(&node);
    }
    return false;
}
