/* SPDX-License-Identifier: ISC */
/* The header of a page: the first bytes of its address in the mapping, checked. Inline, for the
   descents in page.c and page_approach.c. */
#ifndef ESPT_READER_PAGE_HEADER_H
#define ESPT_READER_PAGE_HEADER_H

#include "reader/load.h"
#include "reader/meta.h"
#include "reader/node.h"
#include "reader/page.h"

#define PAGE_NUMBER_MAX (UINT64_C(1) << 48)

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4 };

/* Offsets into a page. */
enum { PAGE_AT_FLAGS = 10, PAGE_AT_LOWER = 12, PAGE_AT_UPPER = 14, PAGE_AT_PAGES = 12 };

/* True: the file has grown to at least `end` since its size was last read. */
bool page_has_grown(struct reader *reader, uint64_t end);

/* OK, if the bytes before `end` may be accessed. */
static inline enum reader_status reach(struct reader *reader, uint64_t end)
{
    if (end > atomic_load_explicit(&reader->size, memory_order_relaxed) &&
        !page_has_grown(reader, end))
        return READER_CORRUPT;
    return end <= reader->mapped ? READER_OK : READER_BEYOND;
}

/* The address of a page, if the file has that page. */
static inline enum reader_status bytes_at(struct reader *reader, uint64_t number, uint64_t len,
                                          const uint8_t **ret_bytes)
{
    if (number < META_PAGES || number >= PAGE_NUMBER_MAX)
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

#endif
