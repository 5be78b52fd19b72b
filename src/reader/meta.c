/* SPDX-License-Identifier: ISC */
#include "reader/meta.h"

#include "reader/load.h"
#include "reader/types.h"

#define PAGE_META 8

static const uint8_t *meta_page(const struct reader *reader, unsigned number)
{
    return reader->map + (size_t)number * reader->page_size;
}

static uint64_t meta_transaction(const struct reader *reader, unsigned number)
{
    return load64(meta_page(reader, number) + META_AT_TRANSACTION);
}

/* Checks the fields that are the same in every transaction. */
static bool meta_whole(const struct reader *reader, unsigned number)
{
    const uint8_t *page = meta_page(reader, number);
    return load64(page + META_AT_NUMBER) == number && load16(page + META_AT_FLAGS) == PAGE_META &&
           load32(page + META_AT_MAGIC) == META_MAGIC &&
           load32(page + META_AT_VERSION) == META_VERSION &&
           load32(page + META_AT_PAGE_SIZE) == reader->page_size;
}

/* True: the ids are consecutive, and the even one is on page 0. Before the first transaction both
   are 0. */
static bool ids_follow(uint64_t even, uint64_t odd)
{
    if (even == 0 && odd == 0)
        return true;
    return even % 2 == 0 && odd % 2 == 1 && (even + 1 == odd || odd + 1 == even);
}

bool meta_read(const struct reader *reader, struct metas *ret_metas)
{
    uint64_t even = meta_transaction(reader, 0);
    uint64_t odd = meta_transaction(reader, 1);
    if (!meta_whole(reader, 0) || !meta_whole(reader, 1) || !ids_follow(even, odd))
        return false;
    READER_STEP();
    unsigned newer = even > odd ? 0 : 1;
    ret_metas->transaction = even > odd ? even : odd;
    ret_metas->root = load64(meta_page(reader, newer) + META_AT_MAIN_ROOT);
    ret_metas->free_root = load64(meta_page(reader, newer) + META_AT_FREE_ROOT);
    ret_metas->last_page = load64(meta_page(reader, newer) + META_AT_LAST_PAGE);
    ret_metas->older_root = load64(meta_page(reader, 1 - newer) + META_AT_MAIN_ROOT);
    return true;
}

uint64_t meta_newest(const struct reader *reader)
{
    uint64_t even = meta_transaction(reader, 0);
    uint64_t odd = meta_transaction(reader, 1);
    return even > odd ? even : odd;
}

bool meta_holds(const struct snapshot *snapshot)
{
    const struct reader *reader = snapshot->reader;
    const unsigned number = (unsigned)(snapshot->transaction % META_PAGES);
    const uint8_t *page = meta_page(reader, number);
    return meta_transaction(reader, number) == snapshot->transaction &&
           load64(page + META_AT_MAIN_ROOT) == snapshot->root &&
           load64(page + META_AT_FREE_ROOT) == snapshot->free_root &&
           load64(page + META_AT_LAST_PAGE) == snapshot->last_page;
}
