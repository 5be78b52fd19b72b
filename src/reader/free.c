#include "reader/free.h"

#include "reader/meta.h"
#include "reader/node.h"
#include "reader/page.h"

#define NUMBER_LEN sizeof(uint64_t)

/* A list's numbers, if the node holds one. */
static enum reader_status list_of(struct reader *reader, const struct node *node,
                                  const uint8_t **ret_numbers, uint64_t *ret_count)
{
    const uint32_t len = node_data_len(node);
    const uint8_t *data = node_key(node) + node->key_len;
    const unsigned flags = node_flags(node);
    enum reader_status status = READER_CORRUPT;
    if (node->key_len != NUMBER_LEN || len < NUMBER_LEN)
        return READER_CORRUPT;
    if (flags == LEAF_PLAIN)
        status = len <= node->room ? READER_OK : READER_CORRUPT;
    else if (flags == LEAF_BIG && node->room >= NUMBER_LEN)
        status = page_open_big(reader, integer_of(data), len, &data);
    if (status != READER_OK)
        return status;
    *ret_count = integer_of(data);
    *ret_numbers = data + NUMBER_LEN;
    return *ret_count <= len / NUMBER_LEN - 1 ? READER_OK : READER_CORRUPT;
}

enum reader_status free_each(struct snapshot *snapshot, free_fn fn, void *arg)
{
    struct {
        struct page page;
        uint32_t left; /* nodes that are still to come */
    } level[DEPTH_MAX];
    uint64_t number = snapshot->free_root;
    unsigned depth = 0;
    bool down = true;
    if (number == ROOT_EMPTY)
        return READER_OK;
    for (;;) {
        enum reader_status status = READER_OK;
        if (down && depth == DEPTH_MAX)
            return READER_CORRUPT;
        if (down) {
            status = page_open(snapshot->reader, number, &level[depth].page);
            if (status != READER_OK)
                return status;
            level[depth].left = level[depth].page.count;
            depth++;
        }
        const struct page *page = &level[depth - 1].page;
        struct node node;
        down = false;
        if (level[depth - 1].left == 0) {
            if (--depth == 0)
                return READER_OK;
            continue;
        }
        if (!node_at(page, --level[depth - 1].left, &node))
            return READER_CORRUPT;
        if (!page->leaf) {
            number = node_child(&node);
            down = true;
            continue;
        }
        const uint8_t *numbers;
        uint64_t count;
        status = list_of(snapshot->reader, &node, &numbers, &count);
        if (status != READER_OK)
            return status;
        if (!fn(arg, integer_of(node_key(&node)), numbers, count))
            return READER_OK;
    }
}

/* The first list that comes. */
static bool take_id(void *arg, uint64_t transaction, const uint8_t *numbers, uint64_t count)
{
    (void)numbers, (void)count;
    *(uint64_t *)arg = transaction;
    return false;
}

enum reader_status free_is_current(struct snapshot *snapshot)
{
    uint64_t last = 0;
    enum reader_status status = free_each(snapshot, take_id, &last);
    if (status == READER_OK && last != snapshot->transaction && snapshot->transaction > 1)
        return READER_CORRUPT;
    return status;
}

struct search {
    uint64_t number;
    bool listed;
};

static bool search_list(void *arg, uint64_t transaction, const uint8_t *numbers, uint64_t count)
{
    (void)transaction;
    struct search *search = arg;
    for (uint64_t low = 0, high = count; low < high && !search->listed;) {
        const uint64_t middle = (low + high) / 2;
        const uint64_t found = integer_of(numbers + middle * NUMBER_LEN);
        search->listed = found == search->number;
        if (found > search->number)
            low = middle + 1;
        else
            high = middle;
    }
    return !search->listed;
}

enum reader_status free_search(struct snapshot *snapshot, uint64_t number)
{
    struct search search = {.number = number};
    enum reader_status status = free_each(snapshot, search_list, &search);
    return status == READER_OK && search.listed ? READER_CORRUPT : status;
}
