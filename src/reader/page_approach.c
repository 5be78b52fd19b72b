/* SPDX-License-Identifier: ISC */
/* The descent to the leaf of an integer key, which is prefetched and not read (page.h). */
#include "reader/page_header.h"
#include "reader/page_search.h"

/* Prefetch limits, in cache lines: header and offsets of a leaf; header and offsets of a branch;
   and around a guess, as many as memory fetches in parallel. */
#define LEAF_HEAD 2
#define BRANCH_HEAD 8
#define GUESS_LINES 16

static inline void prefetch_lines(const uint8_t *first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        prefetch_line(first + (size_t)LINE * i);
}

/* Prefetches what a search will read first on a page that is not in the CPU's cache yet. Keys rise
   with time, so pages are filled from their end in even steps, and the positions of the first three
   nodes to read can be predicted. */
static inline void prefetch_page(const uint8_t *page, uint32_t size, unsigned head)
{
    prefetch_lines(page, head);
    for (unsigned i = 1; i < 4; i++)
        prefetch_lines(page + (size_t)(size / 4) * i - LINE / 2, 2);
}

/* The range of integer keys below a page, as given by the pages above it: `from` and above, and
   below `to`. */
struct bounds {
    uint64_t from, to;
};

/* Narrows the range to the child at `index` of a branch. The first node of a branch has no key. */
static inline void narrow_bounds(struct bounds *bounds, const struct page *page, uint32_t index)
{
    struct node node;
    if (index > 0 && node_at(page, index, &node))
        (void)node_integer(&node, &bounds->from);
    if (index + 1 < page->count && node_at(page, index + 1, &node))
        (void)node_integer(&node, &bounds->to);
}

/* The share of a leaf's keys below `key` if keys were evenly spaced, in 65,536ths, never 0. 0: no
   guess, because one of the bounds is unknown. */
static inline uint32_t guess_within(struct bounds below, uint64_t key)
{
    if (below.from == 0 || below.to == UINT64_MAX || key < below.from || key >= below.to)
        return 0;
    const double part = (double)(key - below.from) / (double)(below.to - below.from);
    return 1 + (uint32_t)(part * ((1 << GUESS_BITS) - 2));
}

static inline void prefetch_leaf(const uint8_t *page, uint32_t size, uint32_t guess)
{
    if (guess == 0) {
        prefetch_page(page, size, LEAF_HEAD);
        return;
    }
    const uint32_t lines = size / LINE, count = lines < GUESS_LINES ? lines : GUESS_LINES;
    const uint32_t behind = (uint32_t)((uint64_t)guess * lines >> GUESS_BITS) + count / 2;
    const uint32_t first = behind < lines ? lines - behind : 0;
    prefetch_lines(page, LEAF_HEAD);
    prefetch_lines(page + (size_t)LINE * (first < lines - count ? first : lines - count), count);
}

static inline bool is_mapped(const struct reader *reader, uint64_t number)
{
    return number < reader->mapped / reader->page_size;
}

enum reader_status page_approach(struct reader *reader, uint64_t root, unsigned depth, uint64_t key,
                                 uint64_t *ret_number, uint32_t *ret_guess)
{
    uint64_t number = root;
    struct bounds below = {0, UINT64_MAX};
    bool mapped = is_mapped(reader, root);
    for (unsigned level = 1; level < depth && level < DEPTH_MAX; level++) {
        struct page page;
        struct node node;
        uint32_t index;
        enum reader_status status = page_at(reader, number, &page);
        if (status != READER_OK)
            return status;
        if (page.leaf)
            break;
        if (search_integers(&page, key, 0, &node, &index) == READER_CORRUPT)
            return READER_CORRUPT;
        narrow_bounds(&below, &page, index);
        number = node_child(&node);
        mapped = is_mapped(reader, number);
        if (level + 1 < depth && mapped)
            prefetch_page(reader->map + number * reader->page_size, reader->page_size, BRANCH_HEAD);
    }
    *ret_guess = guess_within(below, key);
    if (mapped)
        prefetch_leaf(reader->map + number * reader->page_size, reader->page_size, *ret_guess);
    *ret_number = number;
    return READER_OK;
}
