#include "reader/doubt.h"

#include "reader/known.h"
#include "reader/node.h"
#include "reader/page.h"

/* A key, or the end of all: `bytes` is NULL. */
struct bound {
    const uint8_t *bytes;
    size_t len;
};

struct doubt {
    struct snapshot *snapshot;
    enum table table;
    bool integer_keys;
    struct bound low, high; /* of the page that is looked at: low <= its keys < high */
};

static struct bound key_of(const struct node *node)
{
    return (struct bound){node_key(node), node->key_len};
}

static int order(const struct doubt *doubt, struct bound a, struct bound b)
{
    if (doubt->integer_keys) {
        uint64_t left = integer_of(a.bytes), right = integer_of(b.bytes);
        return (left > right) - (left < right);
    }
    int by_bytes = memcmp(a.bytes, b.bytes, a.len < b.len ? a.len : b.len);
    return by_bytes != 0 ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

static bool has_place(const struct doubt *doubt, struct bound key)
{
    return (!doubt->integer_keys || key.len == sizeof(uint64_t)) &&
           (doubt->low.bytes == NULL || order(doubt, doubt->low, key) <= 0) &&
           (doubt->high.bytes == NULL || order(doubt, key, doubt->high) < 0);
}

static bool sealed(const struct doubt *doubt, const struct node *node)
{
    struct leaf leaf;
    struct record_key key = {.len = node->key_len};
    if (key.len > sizeof key.bytes || node_leaf(node, &leaf) != READER_OK)
        return false;
    memcpy(key.bytes, node_key(node), key.len);
    return record_sealed(doubt->table, &key, leaf.data, leaf.len);
}

/* LMDB leaves no gap between a page's nodes, which begin on even offsets. */
static bool page_whole(const struct doubt *doubt, const struct page *page)
{
    struct bound before = {0};
    /* a branch's first stands for all that comes before the second */
    const uint32_t first = page->leaf ? 0 : 1;
    uint32_t filled = 0;
    for (uint32_t i = 0; i < page->count; i++) {
        struct node node;
        if (!node_at(page, i, &node))
            return false;
        uint32_t len = NODE_HEADER + node.key_len + (page->leaf ? node_data_len(&node) : 0);
        filled += len + len % 2;
        if (page->leaf && !sealed(doubt, &node))
            return false;
        if (i < first)
            continue;
        const struct bound key = key_of(&node);
        if (!has_place(doubt, key) || (i > first && order(doubt, before, key) >= 0))
            return false;
        before = key;
    }
    return filled == page->size - page->upper;
}

/* Then whoever looked for it was led astray. */
static bool has_key(const struct doubt *doubt, const struct page *page, struct bound key)
{
    struct node node;
    for (uint32_t i = 0; i < page->count; i++) {
        if (node_at(page, i, &node) && order(doubt, key_of(&node), key) == 0)
            return true;
    }
    return false;
}

/* OK if the first, or the last, key of the tree below `number` is on the right side. */
static enum reader_status judge_side(const struct doubt *doubt, uint64_t number, bool last)
{
    struct page page;
    struct node node;
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        enum reader_status status = page_open(doubt->snapshot->reader, number, &page);
        if (status != READER_OK)
            return status;
        if (!node_at(&page, last ? page.count - 1 : 0, &node))
            return READER_CORRUPT;
        if (page.leaf)
            return has_place(doubt, key_of(&node)) ? READER_OK : READER_CORRUPT;
        number = node_child(&node);
    }
    return READER_CORRUPT;
}

/* The separators to both sides of a child are where they ought to be: what lies beyond them is. */
static enum reader_status judge_neighbours(const struct doubt *doubt, const struct page *page,
                                           uint32_t child)
{
    struct node node;
    enum reader_status status = READER_OK;
    if (child > 0) {
        struct doubt left = *doubt;
        left.high = doubt->low;
        left.low.bytes = NULL;
        status = node_at(page, child - 1, &node) ? judge_side(&left, node_child(&node), true)
                                                 : READER_CORRUPT;
    }
    if (status == READER_OK && child + 1 < page->count) {
        struct doubt right = *doubt;
        right.low = doubt->high;
        right.high.bytes = NULL;
        status = node_at(page, child + 1, &node) ? judge_side(&right, node_child(&node), false)
                                                 : READER_CORRUPT;
    }
    return status;
}

/* The child that the key would be below; the bounds become that child's. */
static uint32_t go_down(struct doubt *doubt, const struct page *page, struct bound key)
{
    uint32_t child = 0;
    struct node node;
    for (uint32_t i = 1; i < page->count && node_at(page, i, &node); i++) {
        const struct bound separator = key_of(&node);
        if (order(doubt, key, separator) < 0) {
            doubt->high = separator;
            break;
        }
        doubt->low = separator;
        child = i;
    }
    return child;
}

enum reader_status doubt_none(struct snapshot *snapshot, enum table table, uint64_t root,
                              const struct record_key *key)
{
    struct doubt doubt = {
        .snapshot = snapshot, .table = table, .integer_keys = table_has_integer_key(table)};
    const struct bound wanted = {key->bytes, key->len};
    uint64_t number = root;
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        struct page page;
        struct node node;
        enum reader_status status = page_open(snapshot->reader, number, &page);
        if (status == READER_OK)
            status = known_in_use(snapshot, number);
        if (status != READER_OK)
            return status;
        if (!page_whole(&doubt, &page))
            return READER_CORRUPT;
        if (page.leaf)
            return has_key(&doubt, &page, wanted) ? READER_CORRUPT : READER_NONE;
        uint32_t child = go_down(&doubt, &page, wanted);
        status = judge_neighbours(&doubt, &page, child);
        if (status != READER_OK)
            return status;
        if (!node_at(&page, child, &node))
            return READER_CORRUPT;
        number = node_child(&node);
    }
    return READER_CORRUPT;
}
