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

/* From the first page on, or to the last key at once. */
static enum reader_status walk(struct snapshot *snapshot, bool to_last, free_fn fn, void *arg,
                               uint64_t *ret_last)
{
    struct {
        struct page page;
        uint32_t next;
    } level[DEPTH_MAX];
    unsigned depth = 0;
    uint64_t number = snapshot->free_root;
    for (bool down = true;;) {
        if (down) {
            if (depth == DEPTH_MAX)
                return READER_CORRUPT;
            enum reader_status status = page_open(snapshot->reader, number, &level[depth].page);
            if (status != READER_OK)
                return status;
            level[depth].next = to_last ? level[depth].page.count - 1 : 0;
            depth++;
        }
        const struct page *page = &level[depth - 1].page;
        struct node node;
        down = false;
        if (level[depth - 1].next == page->count) {
            if (--depth == 0)
                return READER_OK;
            continue;
        }
        if (!node_at(page, level[depth - 1].next++, &node))
            return READER_CORRUPT;
        if (!page->leaf) {
            number = node_child(&node);
            down = true;
            continue;
        }
        const uint8_t *numbers;
        uint64_t count;
        enum reader_status status = list_of(snapshot->reader, &node, &numbers, &count);
        if (status != READER_OK)
            return status;
        *ret_last = integer_of(node_key(&node));
        if (!fn(arg, numbers, count))
            return READER_OK;
    }
}

enum reader_status free_each(struct snapshot *snapshot, free_fn fn, void *arg)
{
    uint64_t last;
    return snapshot->free_root != ROOT_EMPTY ? walk(snapshot, false, fn, arg, &last) : READER_OK;
}

static bool pass_over(void *arg, const uint8_t *numbers, uint64_t count)
{
    (void)arg, (void)numbers, (void)count;
    return true;
}

enum reader_status free_is_current(struct snapshot *snapshot)
{
    uint64_t last;
    if (snapshot->free_root == ROOT_EMPTY)
        return snapshot->transaction <= 1 ? READER_OK : READER_CORRUPT;
    enum reader_status status = walk(snapshot, true, pass_over, NULL, &last);
    return status == READER_OK && last != snapshot->transaction ? READER_CORRUPT : status;
}

struct search {
    uint64_t number;
    bool listed;
};

static bool search_list(void *arg, const uint8_t *numbers, uint64_t count)
{
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
