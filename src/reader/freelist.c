/* SPDX-License-Identifier: ISC */
#include "reader/freelist.h"

#include "reader/meta.h"
#include "reader/node.h"
#include "reader/page.h"

#define NUMBER_LEN sizeof(uint64_t)

struct list {
    uint64_t transaction;
    const uint8_t *numbers;
    uint64_t count;
};

/* Returns true to continue the walk. */
typedef bool (*list_fn)(void *arg, const struct list *list);

/* The list that a node holds. CORRUPT, if the node is not a list. */
static enum reader_status list_of(struct reader *reader, const struct node *node,
                                  struct list *ret_list)
{
    const uint32_t len = node_data_len(node);
    const uint8_t *data = node_key(node) + node->key_len;
    const unsigned flags = node_flags(node);
    enum reader_status status = READER_CORRUPT;
    if (!node_integer(node, &ret_list->transaction) || len < NUMBER_LEN)
        return READER_CORRUPT;
    if (flags == LEAF_PLAIN)
        status = len <= node->room ? READER_OK : READER_CORRUPT;
    else if (flags == LEAF_BIG && node->room >= NUMBER_LEN)
        status = page_open_big(reader, load64_anywhere(data), len, &data);
    if (status != READER_OK)
        return status;
    READER_STEP();
    ret_list->count = load64_anywhere(data);
    ret_list->numbers = data + NUMBER_LEN;
    return ret_list->count <= len / NUMBER_LEN - 1 ? READER_OK : READER_CORRUPT;
}

/* Prefetches both ends of those lists of a leaf that are on overflow pages. */
static void prefetch_lists(const struct reader *reader, const struct page *page)
{
    struct node node;
    for (uint32_t i = page->count; page->leaf && i > 0; i--) {
        if (!node_at(page, i - 1, &node) || node_flags(&node) != LEAF_BIG || node.room < NUMBER_LEN)
            continue;
        const uint64_t number = load64_anywhere(node_key(&node) + node.key_len);
        const uint64_t len = node_data_len(&node);
        if (number >= reader->mapped / reader->page_size || len < NUMBER_LEN)
            continue;
        const uint8_t *first = reader->map + number * reader->page_size;
        prefetch_line(first);
        prefetch_line((const uint8_t *)((uintptr_t)first + PAGE_HEADER + len - NUMBER_LEN));
    }
}

/* A walk from the last list to the first. */
struct walk {
    struct reader *reader;
    uint64_t pages;  /* pages that the walk may still visit */
    uint64_t before; /* key of the previous list; keys must fall */
    unsigned depth;
    struct {
        struct page page;
        uint32_t left; /* nodes not yet visited */
    } level[DEPTH_MAX];
};

static enum reader_status go_down(struct walk *walk, uint64_t number, bool prefetch)
{
    if (walk->depth == DEPTH_MAX || walk->pages == 0)
        return READER_CORRUPT;
    walk->pages--;
    struct page *page = &walk->level[walk->depth].page;
    enum reader_status status = page_open(walk->reader, number, page);
    if (status != READER_OK)
        return status;
    walk->level[walk->depth++].left = page->count;
    if (prefetch)
        prefetch_lists(walk->reader, page);
    return READER_OK;
}

static enum reader_status walk_lists(struct snapshot *snapshot, bool prefetch, list_fn fn,
                                     void *arg)
{
    struct reader *reader = snapshot->reader;
    struct walk walk; /* not initialized: zeroing its levels would cost as much as a short walk */
    if (snapshot->free_root == ROOT_EMPTY)
        return READER_OK;
    walk.reader = reader;
    walk.before = UINT64_MAX;
    walk.depth = 0;
    walk.pages = atomic_load_explicit(&reader->size, memory_order_relaxed) / reader->page_size;
    enum reader_status status = go_down(&walk, snapshot->free_root, prefetch);
    while (status == READER_OK && walk.depth > 0) {
        const struct page *page = &walk.level[walk.depth - 1].page;
        struct node node;
        struct list list;
        if (walk.level[walk.depth - 1].left == 0) {
            walk.depth--;
            continue;
        }
        if (!node_at(page, --walk.level[walk.depth - 1].left, &node))
            return READER_CORRUPT;
        if (!page->leaf) {
            status = go_down(&walk, node_child(&node), prefetch);
            continue;
        }
        status = list_of(reader, &node, &list);
        if (status != READER_OK)
            return status;
        if (list.transaction >= walk.before)
            return READER_CORRUPT;
        if (!fn(arg, &list))
            return READER_OK;
        walk.before = list.transaction;
    }
    return status;
}

/* Takes the first list of the walk. */
static bool add_list(void *arg, const struct list *list)
{
    *(struct list *)arg = *list;
    return false;
}

enum reader_status freelist_newest(struct snapshot *snapshot, const uint8_t **ret_numbers,
                                   uint64_t *ret_count)
{
    struct list list = {0};
    enum reader_status status = walk_lists(snapshot, false, add_list, &list);
    if (status != READER_OK)
        return status;
    if (list.transaction != snapshot->transaction)
        return snapshot->transaction > 1 ? READER_CORRUPT : READER_NONE;
    *ret_numbers = list.numbers;
    *ret_count = list.count;
    return READER_OK;
}

enum reader_status freelist_is_current(struct snapshot *snapshot)
{
    const uint8_t *numbers;
    uint64_t count;
    enum reader_status status = freelist_newest(snapshot, &numbers, &count);
    return status == READER_NONE ? READER_OK : status;
}

struct search {
    uint64_t number;
    bool listed;
};

static inline uint64_t number_at(const struct list *list, uint64_t index)
{
    return load64_anywhere(list->numbers + index * NUMBER_LEN);
}

/* LMDB writes the pages that remain of older lists back in ranges, so the two ends of a list are
   enough to skip most lists. */
static bool search_list(void *arg, const struct list *list)
{
    struct search *search = arg;
    if (list->count == 0 || search->number > number_at(list, 0) ||
        search->number < number_at(list, list->count - 1))
        return true;
    for (uint64_t low = 0, high = list->count; low < high && !search->listed;) {
        const uint64_t middle = low + (high - low) / 2;
        const uint64_t found = number_at(list, middle);
        search->listed = found == search->number;
        if (found > search->number)
            low = middle + 1;
        else
            high = middle;
    }
    return !search->listed;
}

enum reader_status freelist_search(struct snapshot *snapshot, uint64_t number)
{
    struct search search = {.number = number};
    enum reader_status status = walk_lists(snapshot, true, search_list, &search);
    return status == READER_OK && search.listed ? READER_CORRUPT : status;
}
