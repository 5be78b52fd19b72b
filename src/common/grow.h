/* SPDX-License-Identifier: ISC */
/* Arrays that grow by doubling. */
#ifndef ESPT_COMMON_GROW_H
#define ESPT_COMMON_GROW_H

#include <stddef.h>
#include <stdlib.h>

#define GROW_FIRST 8

/* Makes room for one more item of `size` bytes after `count` items. Returns the array, which may
   have moved, and updates *room. NULL: out of memory; the array is as it was. The old memory is not
   wiped: not for secrets. */
static inline void *grown(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    const size_t more = *room == 0 ? GROW_FIRST : 2 * *room;
    void *moved = reallocarray(items, more, size);
    if (moved != NULL)
        *room = more;
    return moved;
}

#endif
