/* SPDX-License-Identifier: ISC */
/* MUST 2 of intact.h: proves the path to a key. */
#include "store/db/intact.h"
#include "store/db/intact_state.h"

#include <string.h>

/* Slots that lead to pages: a node of a branch, or the record of a tree. */
#define INDEX_BITS 14
#define SLOT(page, index) (((page) << INDEX_BITS) + (index) + 1)
#define ROOT_SLOT(table) ((UINT64_C(1) << 61) + (table))
/* Flags of a slot: each record of the leaf has a correct checksum; the keys on both sides were
   proved. */
#define ALL_SEALED (UINT64_C(1) << 63)
#define SIDES_PROVED (UINT64_C(1) << 62)

static bool is_listed(const struct intact *intact, uint64_t number)
{
    return (intact->listed[number / 8] >> number % 8 & 1) != 0;
}

/* Opens a page that the slot leads to. True: the page is proved. */
static bool open_proved(struct txn *txn, enum table table, uint64_t number, uint64_t slot,
                        bool leaf, const struct span *span, struct page *ret_page)
{
    struct intact *intact = txn->store->intact;
    const char *wrong = NULL;
    if (number > intact->pages.last_page)
        wrong = "it is beyond the last page";
    else if ((intact->slot[number] & ~(ALL_SEALED | SIDES_PROVED)) == slot)
        wrong = page_open(&intact->pages.reader, number, ret_page) == READER_OK
                    ? NULL
                    : "its header is damaged";
    else if (intact->slot[number] != 0)
        wrong = "it is referred to twice";
    else if (is_listed(intact, number))
        wrong = "it is listed as free";
    else
        wrong = pages_check(&intact->pages, table, number, leaf, span, ret_page);
    if (wrong != NULL)
        return intact_damaged(txn, table, number, wrong) == 0;
    if (intact->slot[number] == 0) {
        intact->slot[number] = slot;
        if (intact->touched_count < TOUCHED_MAX)
            intact->touched[intact->touched_count] = number;
        intact->touched_count++;
    }
    return true;
}

/* The first or the last key of the tree below a node. False: there is none. */
static bool edge_key(struct intact *intact, const struct page *from, uint32_t index, bool last,
                     struct bound *ret_key)
{
    struct page page = *from;
    struct node node = {0};
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        if (!node_at(&page, index, &node))
            return false;
        if (page.leaf) {
            *ret_key = pages_key(&node);
            return true;
        }
        if (page_open(&intact->pages.reader, node_child(&node), &page) != READER_OK)
            return false;
        index = last ? page.count - 1 : 0;
    }
    return false;
}

static bool has_length(enum table table, struct bound key)
{
    return !table_has_integer_key(table) || key.len == sizeof(uint64_t);
}

/* The neighbours of a child are on the right sides of the separators around it. */
static bool sides_ok(struct txn *txn, enum table table, const struct page *page, uint32_t index,
                     const struct span *span)
{
    struct intact *intact = txn->store->intact;
    struct bound key;
    if (index > 0 && (!edge_key(intact, page, index - 1, true, &key) || !has_length(table, key) ||
                      pages_order(table, key, span->low) >= 0))
        return false;
    return index + 1 == page->count ||
           (edge_key(intact, page, index + 1, false, &key) && has_length(table, key) &&
            pages_order(table, key, span->high) >= 0);
}

/* The index of the child that leads to the key. NULL: the last child. */
static uint32_t child_of(enum table table, const struct page *page, const struct bound *key)
{
    uint32_t low = 1, high = page->count;
    if (key == NULL)
        return page->count - 1;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        struct node node = {0};
        if (node_at(page, middle, &node) && pages_order(table, pages_key(&node), *key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

static bool sealed(struct intact *intact, enum table table, const struct node *node)
{
    struct record_key key = {.len = node->key_len};
    struct page_run run;
    struct record_value value;
    if (!pages_value(&intact->pages, node, &value, &run))
        return false;
    memcpy(key.bytes, node_key(node), key.len); /* pages_check() has checked that it fits */
    return record_sealed(table, &key, value.data, value.len);
}

static bool value_fits(const struct node *node)
{
    return (node_flags(node) == LEAF_BIG ? sizeof(uint64_t) : node_data_len(node)) <= node->room;
}

/* The page is one of this table, and not of another one whose keys fit: the first record below it
   has the checksum of a record of this table. LMDB frees the pages that it takes over. */
static bool is_of_table(struct intact *intact, enum table table, const struct page *from)
{
    struct page page = *from;
    struct node node = {0};
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        if (!node_at(&page, 0, &node))
            return false;
        if (page.leaf) /* no pages_check() has been here: the lengths may be wrong */
            return node.key_len <= RECORD_KEY_MAX && value_fits(&node) &&
                   sealed(intact, table, &node);
        if (page_open(&intact->pages.reader, node_child(&node), &page) != READER_OK)
            return false;
    }
    return false;
}

/* LMDB merges a page that has become small with a page next to it. */
static bool open_siblings(struct txn *txn, enum table table, const struct page *page,
                          uint64_t number, uint32_t index, bool leaf, const struct span *span)
{
    for (uint32_t i = index > 0 ? index - 1 : 1; i <= index + 1 && i < page->count; i++) {
        const struct span child = pages_child_span(page, i, span);
        struct page sibling;
        struct node node = {0};
        if (i == index || !node_at(page, i, &node))
            continue;
        if (!open_proved(txn, table, node_child(&node), SLOT(number, i), leaf, &child, &sibling))
            return false;
        if (!is_of_table(txn->store->intact, table, &sibling))
            return intact_damaged(txn, table, node_child(&node), "a record is damaged") == 0;
    }
    return true;
}

/* The checksum of the key's record is correct. If there is no such record, those of all records
   are. */
static bool records_ok(struct txn *txn, enum table table, const struct page *page, uint64_t number,
                       const struct bound *key)
{
    struct intact *intact = txn->store->intact;
    struct node node = {0};
    uint32_t low = 0, high = key != NULL ? page->count : 0;
    if ((intact->slot[number] & ALL_SEALED) != 0)
        return true;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (!node_at(page, middle, &node))
            return false; /* cannot happen: pages_check() has checked it */
        const int order = pages_order(table, pages_key(&node), *key);
        if (order == 0)
            return sealed(intact, table, &node);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (uint32_t i = 0; i < page->count; i++) {
        if (!node_at(page, i, &node) || !sealed(intact, table, &node))
            return false;
    }
    intact->slot[number] |= ALL_SEALED;
    return true;
}

void intact_path(struct txn *txn, enum table table, const struct record_key *wanted,
                 enum intact_use use)
{
    struct intact *intact = txn->store->intact;
    if (txn->code != 0 || !txn->writes || intact == NULL || !intact->begun || table == TABLE_STATE)
        return; /* MUST 1 covers the main database */
    const struct tree_record *tree = &intact->pages.tree[table];
    const struct bound bound =
        wanted != NULL ? (struct bound){wanted->bytes, wanted->len} : (struct bound){0};
    const struct bound *key = wanted != NULL ? &bound : NULL;
    uint64_t number = tree->root, slot = ROOT_SLOT(table);
    struct span span = {0};
    if (wanted != NULL && !has_length(table, bound))
        return; /* LMDB rejects such a key */
    for (unsigned depth = 1; number != ROOT_EMPTY && depth <= tree->depth; depth++) {
        struct page page = {0};
        struct node node = {0};
        const bool leaf = depth == tree->depth;
        if (!open_proved(txn, table, number, slot, leaf, &span, &page))
            return;
        intact->slot[number] |= SIDES_PROVED;
        if (leaf) {
            if (!records_ok(txn, table, &page, number, key))
                intact_damaged(txn, table, number, "a record is damaged");
            return;
        }
        const uint32_t index = child_of(table, &page, key);
        const struct span child = pages_child_span(&page, index, &span);
        if (use == INTACT_DELETE &&
            !open_siblings(txn, table, &page, number, index, depth + 1 == tree->depth, &span))
            return;
        if (!node_at(&page, index, &node))
            return; /* cannot happen: pages_check() has checked it */
        slot = SLOT(number, index);
        const uint64_t below = node_child(&node);
        if ((below > intact->pages.last_page || (intact->slot[below] & SIDES_PROVED) == 0) &&
            !sides_ok(txn, table, &page, index, &child)) {
            intact_damaged(txn, table, number,
                           "a page below it has keys outside the range that this page gives it");
            return;
        }
        number = below;
        span = child;
    }
}
