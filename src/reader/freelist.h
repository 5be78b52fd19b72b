/* SPDX-License-Identifier: ISC */
/*
 * The free list: the pages that a snapshot does not use. LMDB keeps it as a B+tree. A key is the id
 * of the transaction that freed the pages (8 bytes). A value is a list: a count, then that many
 * page numbers (8 bytes each, the highest first).
 *
 * A free page may hold an old copy of a page that is intact in itself. One wrong bit in a page
 * number on a branch can lead to it, and nothing on the page shows its age. Only this list does.
 *
 * MUST 1: every walk ends. Keys fall from list to list, and no walk visits more pages than the file
 *         has.
 */
#ifndef ESPT_READER_FREELIST_H
#define ESPT_READER_FREELIST_H

#include "reader/types.h"

/* OK: the free list belongs to the snapshot. Its last key is then the transaction's own id, because
   each transaction but the first of a file frees at least one page. Else CORRUPT or BEYOND. */
ESPT_MUST_USE enum reader_status freelist_is_current(struct snapshot *snapshot);

/* OK: the page is not free. CORRUPT: the page is free, or the list is damaged. Or BEYOND. The cost
   grows with the number of lists, not with their length: most lists take two prefetched cache
   lines. */
ESPT_MUST_USE enum reader_status freelist_search(struct snapshot *snapshot, uint64_t number);

/* The numbers of the pages that the snapshot's own transaction freed. The array is in the mapping
   and may be unaligned. OK, CORRUPT or BEYOND. NONE: the transaction freed no page. */
ESPT_MUST_USE enum reader_status freelist_newest(struct snapshot *snapshot,
                                                 const uint8_t **ret_numbers, uint64_t *ret_count);

#endif
