#include "reader/page.h"

#include "reader/load.h"
#include "reader/meta.h"

#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 32 /* LMDB's own bound (CURSOR_STACK) */
#define NUMBER_MAX (UINT64_C(1) << 48)

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2 };

/* Offsets into a page and into a node. */
enum { PAGE_AT_FLAGS = 10, PAGE_AT_LOWER = 12, PAGE_AT_UPPER = 14, PAGE_HEADER = 16 };
enum { NODE_AT_LOW = 0, NODE_AT_HIGH = 2, NODE_AT_FLAGS = 4, NODE_AT_KEY_LEN = 6, NODE_HEADER = 8 };

struct page {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t upper; /* where nodes begin */
    uint32_t count;
    bool leaf;
};

/* A node whose header and key lie within its page. */
struct node {
    const uint8_t *bytes;
    uint32_t key_len;
    uint32_t room; /* bytes from the key's end to the page's */
};

/* May bytes before `end` be touched? The file may have grown since it was last asked. */
static enum reader_status reach(struct reader *reader, uint64_t end)
{
    if (end > atomic_load_explicit(&reader->size, memory_order_relaxed)) {
        struct stat st;
        if (fstat(reader->fd, &st) != 0 || st.st_size < 0)
            return READER_CORRUPT;
        atomic_store_explicit(&reader->size, (uint64_t)st.st_size, memory_order_relaxed);
        if (end > (uint64_t)st.st_size)
            return READER_CORRUPT;
    }
    return end <= reader->mapped ? READER_OK : READER_BEYOND;
}

static inline enum reader_status page_at(struct reader *reader, uint64_t number,
                                         struct page *ret_page)
{
    if (number < META_PAGES || number >= NUMBER_MAX)
        return READER_CORRUPT;
    uint64_t offset = number * reader->page_size;
    enum reader_status status = reach(reader, offset + reader->page_size);
    if (status != READER_OK)
        return status;

    const uint8_t *bytes = reader->map + offset;
    uint32_t flags = load16(bytes + PAGE_AT_FLAGS);
    uint32_t lower = load16(bytes + PAGE_AT_LOWER);
    uint32_t upper = load16(bytes + PAGE_AT_UPPER);
    if (load64(bytes) != number || (flags != PAGE_BRANCH && flags != PAGE_LEAF))
        return READER_CORRUPT;
    if (lower <= PAGE_HEADER || lower % 2 != 0 || lower > upper || upper > reader->page_size)
        return READER_CORRUPT;
    *ret_page = (struct page){
        .bytes = bytes,
        .size = reader->page_size,
        .upper = upper,
        .count = (lower - PAGE_HEADER) / 2,
        .leaf = flags == PAGE_LEAF,
    };
    return READER_OK;
}

/* `index` is below the page's count. Nodes lie on even offsets. */
static inline bool node_at(const struct page *page, uint32_t index, struct node *ret_node)
{
    uint32_t at = load16(page->bytes + PAGE_HEADER + 2 * (size_t)index);
    if (at < page->upper || at % 2 != 0 || at + NODE_HEADER > page->size)
        return false;
    ret_node->bytes = page->bytes + at;
    ret_node->key_len = load16(ret_node->bytes + NODE_AT_KEY_LEN);
    uint32_t room = page->size - at - NODE_HEADER;
    ret_node->room = room - ret_node->key_len;
    return ret_node->key_len <= room;
}

static inline uint64_t integer_of(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Negative, 0 or positive, as the key comes before the node's, is the same, or comes after it. */
static inline int compare(const uint8_t *key, size_t len, const struct node *node,
                          bool integer_keys)
{
    const uint8_t *other = node->bytes + NODE_HEADER;
    if (integer_keys) {
        uint64_t a = integer_of(key), b = integer_of(other);
        return (a > b) - (a < b);
    }
    size_t shorter = len < node->key_len ? len : node->key_len;
    /* The names of the tables differ in their first byte: no call for them. */
    int order = shorter != 0 ? key[0] - other[0] : 0;
    if (order == 0)
        order = memcmp(key, other, shorter);
    return order != 0 ? order : (len > node->key_len) - (len < node->key_len);
}

/* By halves: OK with the node of `key`; NONE with the one before it on a branch, where the first
   node stands for all that comes before the second. Inline, to be made twice: for each order. */
static inline __attribute__((always_inline)) enum reader_status
page_search(const struct page *page, const uint8_t *key, size_t key_len, bool integer_keys,
            struct node *ret_node)
{
    uint32_t first = page->leaf ? 0 : 1, low = first, high = page->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (!node_at(page, middle, ret_node) ||
            (integer_keys && ret_node->key_len != sizeof(uint64_t)))
            return READER_CORRUPT;
        int order = compare(key, key_len, ret_node, integer_keys);
        if (order == 0)
            return READER_OK;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (!page->leaf && !node_at(page, low - 1, ret_node))
        return READER_CORRUPT;
    return READER_NONE;
}

static uint64_t child_of(const struct node *node)
{
    return load16(node->bytes + NODE_AT_LOW) | (uint64_t)load16(node->bytes + NODE_AT_HIGH) << 16 |
           (uint64_t)load16(node->bytes + NODE_AT_FLAGS) << 32;
}

static enum reader_status leaf_of(const struct node *node, struct leaf *ret_leaf)
{
    uint32_t len = load16(node->bytes + NODE_AT_LOW) | (uint32_t)load16(node->bytes + NODE_AT_HIGH)
                                                           << 16;
    uint32_t flags = load16(node->bytes + NODE_AT_FLAGS);
    /* Neither values on pages of their own nor several of one key: no record of ours needs them. */
    if ((flags != LEAF_PLAIN && flags != LEAF_TABLE) || len > node->room)
        return READER_CORRUPT;
    ret_leaf->flags = flags;
    ret_leaf->len = len;
    ret_leaf->data = node->bytes + NODE_HEADER + node->key_len;
    return READER_OK;
}

enum reader_status page_find(struct reader *reader, uint64_t root, const void *key, size_t key_len,
                             bool integer_keys, struct leaf *ret_leaf)
{
    uint64_t number = root;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        struct page page;
        struct node node = {0};
        READER_STEP();
        enum reader_status status = page_at(reader, number, &page);
        if (status != READER_OK)
            return status;
        READER_STEP();
        status = integer_keys ? page_search(&page, key, key_len, true, &node)
                              : page_search(&page, key, key_len, false, &node);
        if (status == READER_CORRUPT)
            return status;
        if (page.leaf)
            return status == READER_OK ? leaf_of(&node, ret_leaf) : READER_NONE;
        number = child_of(&node);
    }
    return READER_CORRUPT;
}
