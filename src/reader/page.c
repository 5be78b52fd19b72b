#include "reader/page.h"

#include "reader/load.h"
#include "reader/meta.h"
#include "reader/node.h"

#include <string.h>
#include <sys/stat.h>

#define NUMBER_MAX (UINT64_C(1) << 48)
/* More nodes than that are asked for side by side, once a step has left a quarter of them. */
#define FEW 15
/* Lines: a quarter of a page; header and offsets where nodes are records, and where they are keys;
   and around a guess, no more than memory brings side by side. */
#define BRING_MAX 16
#define LEAF_HEAD 2
#define BRANCH_HEAD 8
#define GUESS_LINES 16
/* Nodes to both sides of a guess: nearly all keys lie nearer, where they came by chance at a pace
   that holds for the page. */
#define GUESS_NODES 5
#define GUESS_BITS 16

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4 };

/* Offsets into a page. */
enum { PAGE_AT_FLAGS = 10, PAGE_AT_LOWER = 12, PAGE_AT_UPPER = 14, PAGE_AT_PAGES = 12 };

/* The file may have grown since it was last asked. */
static __attribute__((noinline)) bool has_grown(struct reader *reader, uint64_t end)
{
    struct stat st;
    if (fstat(reader->fd, &st) != 0 || st.st_size < 0)
        return false;
    atomic_store_explicit(&reader->size, (uint64_t)st.st_size, memory_order_relaxed);
    return end <= (uint64_t)st.st_size;
}

/* May bytes before `end` be touched? */
static inline enum reader_status reach(struct reader *reader, uint64_t end)
{
    if (end > atomic_load_explicit(&reader->size, memory_order_relaxed) && !has_grown(reader, end))
        return READER_CORRUPT;
    return end <= reader->mapped ? READER_OK : READER_BEYOND;
}

/* Where the page lies, if it is one of the file's. */
static inline enum reader_status bytes_at(struct reader *reader, uint64_t number, uint64_t len,
                                          const uint8_t **ret_bytes)
{
    if (number < META_PAGES || number >= NUMBER_MAX)
        return READER_CORRUPT;
    uint64_t offset = number * reader->page_size;
    *ret_bytes = reader->map + offset;
    return reach(reader, offset + len);
}

static inline enum reader_status page_at(struct reader *reader, uint64_t number,
                                         struct page *ret_page)
{
    const uint8_t *bytes;
    READER_STEP();
    enum reader_status status = bytes_at(reader, number, reader->page_size, &bytes);
    if (status != READER_OK)
        return status;
    uint32_t flags = load16(bytes + PAGE_AT_FLAGS);
    uint32_t lower = load16(bytes + PAGE_AT_LOWER);
    uint32_t upper = load16(bytes + PAGE_AT_UPPER);
    if (load64(bytes) != number || (flags != PAGE_BRANCH && flags != PAGE_LEAF))
        return READER_CORRUPT;
    if (lower <= PAGE_HEADER || lower % 2 != 0 || lower > upper || upper % 2 != 0 ||
        upper > reader->page_size)
        return READER_CORRUPT;
    *ret_page = (struct page){
        .bytes = bytes,
        .size = reader->page_size,
        .upper = upper,
        .count = (lower - PAGE_HEADER) / 2,
        .leaf = flags == PAGE_LEAF,
    };
    READER_STEP();
    return READER_OK;
}

enum reader_status page_open(struct reader *reader, uint64_t number, struct page *ret_page)
{
    return page_at(reader, number, ret_page);
}

enum reader_status page_open_big(struct reader *reader, uint64_t number, uint32_t len,
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
    READER_STEP();
    if (bytes_at(reader, number, page.size, &page.bytes) != READER_OK ||
        !node_begins(&page, node_at, &node) || node.key_len != sizeof key ||
        integer_of(node_key(&node)) != key)
        return READER_NONE;
    return node_leaf(&node, ret_leaf) == READER_OK ? READER_OK : READER_NONE;
}

/* Negative, 0 or positive, as the key comes before the node's, is the same, or comes after it. */
static inline int compare(const uint8_t *key, size_t len, const struct node *node)
{
    const uint8_t *other = node_key(node);
    size_t shorter = len < node->key_len ? len : node->key_len;
    /* The names of the tables differ in their first byte: no call for them. */
    int order = shorter != 0 ? key[0] - other[0] : 0;
    if (order == 0)
        order = memcmp(key, other, shorter);
    return order != 0 ? order : (len > node->key_len) - (len < node->key_len);
}

/* 1: the integer key at `index` does not come after `key`; 0: it does; negative: its node does not
   lie within the page. That is one comparison: an odd offset, turned, is beyond every bound. */
static inline int reached(const struct page *page, uint32_t index, uint64_t key)
{
    const uint32_t last = page->size - NODE_HEADER - (uint32_t)sizeof key;
    const uint32_t at = load16(page->bytes + PAGE_HEADER + 2 * (size_t)index);
    const uint32_t behind = at - page->upper;
    if ((behind >> 1 | behind << 31) > (last - page->upper) >> 1 ||
        load16(page->bytes + at + NODE_AT_KEY_LEN) != sizeof key)
        return -1;
    return integer_of(page->bytes + at + NODE_HEADER) <= key ? 1 : 0;
}

/* The nodes among which the last is that does not come after `key`. */
struct range {
    uint32_t low, left;
};

/* Asks for the nodes of a range, which lie side by side, the last one foremost, where keys rose as
   they came. Offsets are not checked yet: nothing is read, and an address that is none is passed
   over. */
static inline void bring_nodes(const struct page *page, const struct range *range)
{
    const uint8_t *offsets = page->bytes + PAGE_HEADER + 2 * (size_t)range->low;
    const uint8_t *from = page->bytes + load16(offsets + 2 * (size_t)(range->left - 1));
    const uint8_t *last = page->bytes + load16(offsets) + LINE;
    for (unsigned i = 0; i < BRING_MAX && from <= last; i++, from += LINE)
        bring_line(from);
}

/* Two halvings are one step: the three nodes that they may look at are loaded side by side, so that
   memory is waited for once. No jump depends on what was found: it would be guessed wrong every
   other time. False: a node does not lie within the page. */
static inline bool narrow(const struct page *page, uint64_t key, uint32_t enough,
                          struct range *range)
{
    uint32_t low = range->low, left = range->left;
    while (left > enough) {
        const uint32_t half = left / 2, quarter = (left - half) / 2;
        int first = reached(page, low + quarter, key);
        int second = reached(page, low + half, key);
        int third = reached(page, low + half + quarter, key);
        if ((first | second | third) < 0)
            return false;
        first = second != 0 ? third : first;
        low += (second != 0 ? half : 0) + (first != 0 ? quarter : 0);
        left -= half + quarter;
    }
    *range = (struct range){low, left};
    return true;
}

/* To the nodes around a guess if the key is among them, else to those on its side of them. */
static inline bool narrow_to_guess(const struct page *page, uint64_t key, uint32_t guess,
                                   struct range *range)
{
    const uint32_t middle = (uint32_t)((uint64_t)guess * page->count >> GUESS_BITS);
    const uint32_t low = middle > GUESS_NODES ? middle - GUESS_NODES : 0;
    const uint32_t high =
        page->count - middle > GUESS_NODES ? middle + GUESS_NODES : page->count - 1;
    const int first = reached(page, low, key), last = reached(page, high, key);
    if ((first | last) < 0)
        return false;
    if (last != 0)
        *range = (struct range){high, page->count - high};
    else if (first != 0)
        *range = (struct range){low, high - low};
    else
        *range = (struct range){0, low > 0 ? low : 1};
    return true;
}

/* To the last node that does not come after `key`, and its index: OK if it is the key's own on a
   leaf, else NONE. The first node of a branch stands for all that comes before the second. */
static inline enum reader_status search_integers(const struct page *page, uint64_t key,
                                                 uint32_t guess, struct node *ret_node,
                                                 uint32_t *ret_index)
{
    struct range range = {0, page->count};
    if (page->size - page->upper < NODE_HEADER + sizeof key)
        return READER_CORRUPT;
    if (guess != 0 && !narrow_to_guess(page, key, guess, &range))
        return READER_CORRUPT;
    if (range.left > FEW && narrow(page, key, range.left / 2, &range))
        bring_nodes(page, &range);
    if (!narrow(page, key, 2, &range))
        return READER_CORRUPT;
    uint32_t low = range.low, left = range.left;
    if (left == 2) {
        int second = reached(page, low + 1, key);
        if (second < 0)
            return READER_CORRUPT;
        low += (uint32_t)second;
    }
    if (!node_at(page, low, ret_node))
        return READER_CORRUPT;
    *ret_index = low;
    if (!page->leaf)
        return READER_NONE;
    if (ret_node->key_len != sizeof key)
        return READER_CORRUPT;
    return integer_of(ret_node->bytes + NODE_HEADER) == key ? READER_OK : READER_NONE;
}

/* By halves: OK with the node of `key`; NONE with the one before it on a branch. */
static enum reader_status search_names(const struct page *page, const uint8_t *key, size_t key_len,
                                       unsigned guess, struct node *ret_node)
{
    uint32_t low = page->leaf ? 0 : 1, high = page->count, middle = guess;
    while (low < high) {
        if (middle < low || middle >= high)
            middle = (low + high) / 2;
        if (!node_at(page, middle, ret_node))
            return READER_CORRUPT;
        int order = compare(key, key_len, ret_node);
        if (order == 0)
            return READER_OK;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
        middle = (low + high) / 2;
    }
    if (!page->leaf && !node_at(page, low - 1, ret_node))
        return READER_CORRUPT;
    return READER_NONE;
}

static inline void bring_lines(const uint8_t *first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        bring_line(first + (size_t)LINE * i);
}

/* What a search looks at first, of a page that is not there yet: keys rise with time, so pages are
   filled from their end in even steps, and where its first three nodes are can be said before. */
static inline void bring_page(const uint8_t *page, uint32_t size, unsigned head)
{
    bring_lines(page, head);
    for (unsigned i = 1; i < 4; i++)
        bring_lines(page + (size_t)(size / 4) * i - LINE / 2, 2);
}

/* The integer keys below a page, as far as the pages above it say: `from` on, and before `to`. */
struct span {
    uint64_t from, to;
};

/* To what is below the node of that index on a branch, whose first node has no key of its own. */
static inline void narrow_span(struct span *span, const struct page *page, uint32_t index)
{
    struct node node;
    if (index > 0 && node_at(page, index, &node) && node.key_len == sizeof span->from)
        span->from = integer_of(node_key(&node));
    if (index + 1 < page->count && node_at(page, index + 1, &node) &&
        node.key_len == sizeof span->to)
        span->to = integer_of(node_key(&node));
}

/* How much of a leaf comes before the key if keys came evenly, in 65,536ths and never 0. 0: no
   guess, for one of the bounds is not known. */
static inline uint32_t guess_within(struct span below, uint64_t key)
{
    if (below.from == 0 || below.to == UINT64_MAX || key < below.from || key >= below.to)
        return 0;
    const double part = (double)(key - below.from) / (double)(below.to - below.from);
    return 1 + (uint32_t)(part * ((1 << GUESS_BITS) - 2));
}

static inline void bring_leaf(const uint8_t *page, uint32_t size, uint32_t guess)
{
    if (guess == 0) {
        bring_page(page, size, LEAF_HEAD);
        return;
    }
    const uint32_t lines = size / LINE, count = lines < GUESS_LINES ? lines : GUESS_LINES;
    const uint32_t behind = (uint32_t)((uint64_t)guess * lines >> GUESS_BITS) + count / 2;
    const uint32_t first = behind < lines ? lines - behind : 0;
    bring_lines(page, LEAF_HEAD);
    bring_lines(page + (size_t)LINE * (first < lines - count ? first : lines - count), count);
}

/* Where the page would lie; NULL: beyond the mapping. */
static inline const uint8_t *address_of(const struct reader *reader, uint64_t number)
{
    return number < reader->mapped / reader->page_size ? reader->map + number * reader->page_size
                                                       : NULL;
}

enum reader_status page_approach(struct reader *reader, uint64_t root, unsigned depth, uint64_t key,
                                 uint64_t *ret_number, uint32_t *ret_guess)
{
    uint64_t number = root;
    struct span below = {0, UINT64_MAX};
    const uint8_t *next = address_of(reader, root);
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
        narrow_span(&below, &page, index);
        number = node_child(&node);
        next = address_of(reader, number);
        if (level + 1 < depth && next != NULL)
            bring_page(next, reader->page_size, BRANCH_HEAD);
    }
    *ret_guess = guess_within(below, key);
    if (next != NULL)
        bring_leaf(next, reader->page_size, *ret_guess);
    *ret_number = number;
    return READER_OK;
}

/* One way down for both kinds of keys: what differs is known where it is called. */
static inline __attribute__((always_inline)) enum reader_status
descend(struct reader *reader, const struct page *root, const void *key, size_t key_len,
        uint32_t guess, bool integer, struct leaf *ret_leaf)
{
    struct page page = *root;
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        struct node node;
        uint32_t index;
        enum reader_status status =
            integer ? search_integers(&page, integer_of(key), page.leaf ? guess : 0, &node, &index)
                    : search_names(&page, key, key_len, guess, &node);
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
