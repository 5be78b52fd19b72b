/* SPDX-License-Identifier: ISC */
#include "reader/absence.h"

#include "reader/cache.h"
#include "reader/node.h"
#include "reader/page.h"

/* A key. If `bytes` is NULL: the end of the key range. An integer key is loaded once. */
struct bound {
    const uint8_t *bytes;
    size_t len;
    uint64_t integer;
};

/* A separator: its key, the branch that holds it, and the child on the other side of it. */
struct side {
    struct bound bound;
    struct page branch;
    uint32_t child;
};

struct proof {
    struct snapshot *snapshot;
    enum table table;
    bool integer_keys;
    struct side low, high; /* of the current page: low <= its keys < high */
};

/* False: the table has integer keys, and this key has another length. */
static bool bound_of(const struct proof *proof, const struct node *node, struct bound *ret_bound)
{
    ret_bound->bytes = node_key(node);
    ret_bound->len = node->key_len;
    ret_bound->integer = 0;
    return !proof->integer_keys || node_integer(node, &ret_bound->integer);
}

static int order(const struct proof *proof, const struct bound *a, const struct bound *b)
{
    if (proof->integer_keys)
        return (a->integer > b->integer) - (a->integer < b->integer);
    READER_LOAD(a->bytes, a->len < b->len ? a->len : b->len);
    int by_bytes = memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len);
    return by_bytes != 0 ? by_bytes : (a->len > b->len) - (a->len < b->len);
}

static bool above_low(const struct proof *proof, const struct bound *key)
{
    const struct bound *low = &proof->low.bound;
    return low->bytes == NULL || order(proof, low, key) <= 0;
}

static bool below_high(const struct proof *proof, const struct bound *key)
{
    const struct bound *high = &proof->high.bound;
    return high->bytes == NULL || order(proof, key, high) < 0;
}

/* --- checks of one page --- */

static bool record_is_sealed(const struct proof *proof, const struct node *node,
                             const struct leaf *leaf)
{
    struct record_key key = {.len = node->key_len};
    if (key.len > sizeof key.bytes)
        return false;
    READER_LOAD(leaf->data, leaf->len);
    READER_LOAD(node_key(node), key.len);
    memcpy(key.bytes, node_key(node), key.len);
    return record_sealed(proof->table, &key, leaf->data, leaf->len);
}

/* LMDB leaves no gap between a page's nodes, which begin on even offsets. */
static bool page_is_sound(const struct proof *proof, const struct page *page)
{
    struct bound before = {0};
    const uint32_t first = page->leaf ? 0 : 1; /* a branch's first node has no key */
    uint64_t filled = 0;
    for (uint32_t i = 0; i < page->count; i++) {
        struct node node;
        struct leaf leaf = {0};
        struct bound key;
        if (!node_at(page, i, &node))
            return false;
        if (page->leaf &&
            (node_leaf(&node, &leaf) != READER_OK || !record_is_sealed(proof, &node, &leaf)))
            return false;
        const uint64_t len = NODE_HEADER + node.key_len + leaf.len;
        filled += len + len % 2;
        if (i < first)
            continue;
        if (!bound_of(proof, &node, &key) || (i > first && order(proof, &before, &key) >= 0))
            return false;
        before = key;
    }
    return filled == page->size - page->upper;
}

/* The first and the last key of the page are between the separators above it. */
static bool keys_fit(const struct proof *proof, const struct page *page)
{
    const uint32_t first = page->leaf ? 0 : 1;
    struct node node;
    struct bound key;
    if (page->count <= first)
        return true;
    return node_at(page, first, &node) && bound_of(proof, &node, &key) && above_low(proof, &key) &&
           node_at(page, page->count - 1, &node) && bound_of(proof, &node, &key) &&
           below_high(proof, &key);
}

static enum reader_status prove_page(struct proof *proof, uint64_t number, const struct page *page)
{
    struct snapshot *snapshot = proof->snapshot;
    enum reader_status status = cache_page_in_use(snapshot, number);
    if (status != READER_OK)
        return status;
    if (!cache_page_is_sound(snapshot, number)) {
        if (!page_is_sound(proof, page))
            return READER_CORRUPT;
        cache_note_sound(snapshot, number);
    }
    return keys_fit(proof, page) ? READER_OK : READER_CORRUPT;
}

/* --- checks of the neighbours --- */

/* The neighbour of the leaf has its keys on the right side of the separator: its last key is below
   the low separator, or its first key is not below the high one. */
static enum reader_status prove_side(const struct proof *proof, const struct side *side, bool low)
{
    struct page page = side->branch;
    uint32_t index = side->child;
    struct node node;
    struct bound key;
    if (side->bound.bytes == NULL)
        return READER_OK;
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        if (!node_at(&page, index, &node))
            return READER_CORRUPT;
        if (page.leaf)
            return bound_of(proof, &node, &key) && (order(proof, &key, &side->bound) < 0) == low
                       ? READER_OK
                       : READER_CORRUPT;
        enum reader_status status = page_open(proof->snapshot->reader, node_child(&node), &page);
        if (status != READER_OK)
            return status;
        index = low ? page.count - 1 : 0;
    }
    return READER_CORRUPT;
}

/* Goes to the child at `index`. The separators on both sides of it become the bounds. */
static enum reader_status enter_child(struct proof *proof, const struct page *page, uint32_t index,
                                      uint64_t *ret_child)
{
    struct node node;
    if (index > 0) {
        proof->low.branch = *page;
        proof->low.child = index - 1;
        if (!node_at(page, index, &node) || !bound_of(proof, &node, &proof->low.bound))
            return READER_CORRUPT;
    }
    if (index + 1 < page->count) {
        proof->high.branch = *page;
        proof->high.child = index + 1;
        if (!node_at(page, index + 1, &node) || !bound_of(proof, &node, &proof->high.bound))
            return READER_CORRUPT;
    }
    if (!node_at(page, index, &node))
        return READER_CORRUPT;
    *ret_child = node_child(&node);
    return READER_OK;
}

static enum reader_status prove_by_path(struct proof *proof, uint64_t root,
                                        const struct record_key *key)
{
    struct snapshot *snapshot = proof->snapshot;
    uint64_t number = root;
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        struct page page;
        uint32_t index;
        enum reader_status status = page_open(snapshot->reader, number, &page);
        if (status == READER_OK)
            status = prove_page(proof, number, &page);
        if (status != READER_OK)
            return status;
        status = page_search(&page, proof->integer_keys, key->bytes, key->len, &index);
        if (status == READER_CORRUPT)
            return READER_CORRUPT;
        if (page.leaf && status == READER_OK) /* the other search reached another page */
            return READER_CORRUPT;
        if (page.leaf) {
            status = prove_side(proof, &proof->low, true);
            if (status == READER_OK)
                status = prove_side(proof, &proof->high, false);
            return status == READER_OK ? READER_NONE : status;
        }
        status = enter_child(proof, &page, index, &number);
        if (status != READER_OK)
            return status;
    }
    return READER_CORRUPT;
}

/* --- a gap between two records --- */

/* -1, 0 or 1, if the key of the node at `index` is before `key`, equal to it, or after it.
   `beyond`, if the page has no such node. 2, if the node or its key is malformed, or, with
   `sealed`, if the checksum of its record is wrong. */
static int side_of(const struct proof *proof, const struct page *page, uint32_t index,
                   const struct bound *key, bool sealed, int beyond)
{
    struct node node;
    struct leaf leaf;
    struct bound other;
    if (index >= page->count)
        return beyond;
    if (!node_at(page, index, &node) || !bound_of(proof, &node, &other) ||
        (sealed &&
         (node_leaf(&node, &leaf) != READER_OK || !record_is_sealed(proof, &node, &leaf))))
        return 2;
    const int by = order(proof, &other, key);
    return (by > 0) - (by < 0);
}

/* The nodes next to these two are checked as well: a wrong offset that repeats another node of the
   page would hide a record. */
static bool is_gap(const struct proof *proof, const struct page *page, uint32_t before,
                   const struct bound *key)
{
    const uint32_t after = before + 1;
    struct node node;
    struct bound first, second;
    if (after >= page->count || side_of(proof, page, before, key, true, 2) != -1 ||
        side_of(proof, page, after, key, true, 2) != 1 || !node_at(page, before, &node) ||
        !bound_of(proof, &node, &first) || !node_at(page, after, &node) ||
        !bound_of(proof, &node, &second))
        return false;
    return (before == 0 || side_of(proof, page, before - 1, &first, false, 2) == -1) &&
           side_of(proof, page, after + 1, &second, false, 1) == 1;
}

/* NONE: there is a gap. OK: no gap was found, which proves nothing. Else CORRUPT or BEYOND. */
static enum reader_status prove_by_gap(const struct proof *proof, uint64_t from,
                                       const struct record_key *key)
{
    struct snapshot *snapshot = proof->snapshot;
    uint64_t number = from;
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        struct page page;
        struct node node;
        uint32_t index;
        enum reader_status status = page_open(snapshot->reader, number, &page);
        if (status == READER_OK &&
            page_search(&page, proof->integer_keys, key->bytes, key->len, &index) == READER_CORRUPT)
            status = READER_CORRUPT;
        if (status != READER_OK)
            return status;
        if (page.leaf) {
            const struct bound wanted = {key->bytes, key->len,
                                         proof->integer_keys ? load64_anywhere(key->bytes) : 0};
            if (!is_gap(proof, &page, index, &wanted))
                return READER_OK;
            status = cache_page_in_use(snapshot, number);
            return status == READER_OK ? READER_NONE : status;
        }
        if (!node_at(&page, index, &node))
            return READER_CORRUPT;
        number = node_child(&node);
    }
    return READER_CORRUPT;
}

enum reader_status absence_prove(struct snapshot *snapshot, enum table table, uint64_t root,
                                 uint64_t from, const struct record_key *key)
{
    struct proof proof = {
        .snapshot = snapshot, .table = table, .integer_keys = table_has_integer_key(table)};
    const enum reader_status status = prove_by_gap(&proof, from, key);
    return status == READER_OK ? prove_by_path(&proof, root, key) : status;
}
