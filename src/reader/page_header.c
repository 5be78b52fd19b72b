/* SPDX-License-Identifier: ISC */
#include "reader/page_header.h"

#include <sys/stat.h>

__attribute__((noinline)) bool page_has_grown(struct reader *reader, uint64_t end)
{
    struct stat st;
    if (fstat(reader->fd, &st) != 0 || st.st_size < 0)
        return false;
    atomic_store_explicit(&reader->size, (uint64_t)st.st_size, memory_order_relaxed);
    return end <= (uint64_t)st.st_size;
}
