/* SPDX-License-Identifier: ISC */
#include "reader/page.h"

#include "reader/page_header.h"
#include "reader/page_search.h"

#include <limits.h>

enum reader_status page_open(struct reader *reader, uint64_t number, struct page *ret_page)
{
    return page_at(reader, number, ret_page);
}

enum reader_status page_open_big(struct reader *reader, uint64_t number, uint64_t len,
                                 const uint8_t **ret_data)
{
    const uint8_t *bytes;
    enum reader_status status = bytes_at(reader, number, PAGE_HEADER + len, &bytes);
    if (status != READER_OK)
        return status;
    uint64_t room = (uint64_t)load32(bytes + PAGE_AT_PAGES) * reader->page_size;
    if (load64(bytes) != number || load16(bytes + PAGE_AT_FLAGS) != PAGE_OVERFLOW ||
        room < PAGE_HEADER + len)
        return READER_CORRUPT;
    *ret_data = bytes + PAGE_HEADER;
    return READER_OK;
}

enum reader_status page_find_at(struct reader *reader, uint64_t number, uint32_t node_at,
                                uint64_t key, struct leaf *ret_leaf)
{
    struct page page = {.size = reader->page_size, .upper = PAGE_HEADER};
    struct node node;
    uint64_t found;
    READER_STEP();
    if (bytes_at(reader, number, page.size, &page.bytes) != READER_OK ||
        !node_begins(&page, node_at, &node) || !node_integer(&node, &found) || found != key)
        return READER_NONE;
    return node_leaf(&node, ret_leaf) == READER_OK ? READER_OK : READER_NONE;
}

enum reader_status page_search(const struct page *page, bool integer_keys, const uint8_t *key,
                               size_t key_len, uint32_t *ret_index)
{
    struct node node;
    return integer_keys ? search_integers(page, load64_anywhere(key), 0, &node, ret_index)
                        : search_names(page, key, key_len, UINT_MAX, &node, ret_index);
}

/* One descent for both kinds of keys. It is inlined, so that each caller gets a version for its own
   kind. */
static inline __attribute__((always_inline)) enum reader_status
descend(struct reader *reader, const struct page *root, const void *key, size_t key_len,
        uint32_t guess, bool integer, struct leaf *ret_leaf)
{
    struct page page = *root;
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        struct node node;
        uint32_t index;
        enum reader_status status =
            integer
                ? search_integers(&page, load64_anywhere(key), page.leaf ? guess : 0, &node, &index)
                : search_names(&page, key, key_len, guess, &node, &index);
        if (status != READER_CORRUPT && page.leaf)
            return status == READER_OK ? node_leaf(&node, ret_leaf) : READER_NONE;
        if (status != READER_CORRUPT)
            status = page_at(reader, node_child(&node), &page);
        if (status != READER_OK)
            return status;
    }
    return READER_CORRUPT;
}

enum reader_status page_find_integer(struct reader *reader, const struct page *root, uint64_t key,
                                     uint32_t guess, struct leaf *ret_leaf)
{
    return descend(reader, root, &key, sizeof key, guess, true, ret_leaf);
}

enum reader_status page_find_name(struct reader *reader, const struct page *root, const void *key,
                                  size_t key_len, unsigned guess, struct leaf *ret_leaf)
{
    return descend(reader, root, key, key_len, guess, false, ret_leaf);
}

enum reader_status page_copy_value(const struct leaf *leaf, uint8_t *out, size_t *ret_len)
{
    if (leaf->flags != LEAF_PLAIN || leaf->len > RECORD_MAX)
        return READER_CORRUPT;
    READER_STEP();
    load_bytes(out, leaf->data, leaf->len);
    *ret_len = leaf->len;
    return READER_OK;
}
