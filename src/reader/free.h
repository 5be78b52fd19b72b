/*
 * The pages that a snapshot does not use, as LMDB lists them: a B+tree whose keys are the ids of
 * the transactions that freed them (8 bytes), and whose values are lists, a count and so many page
 * numbers (8 bytes each, the highest first).
 *
 * An old copy of a page may lie among them, whole in itself. One wrong bit in a page number on the
 * way down can lead to it, and nothing on the page tells its age: this list does.
 */
#ifndef ESPT_READER_FREE_H
#define ESPT_READER_FREE_H

#include "reader/reader.h"

/* `count` numbers, on any address, that `transaction` freed, or what is left of them. True: go on.
 */
typedef bool (*free_fn)(void *arg, uint64_t transaction, const uint8_t *numbers, uint64_t count);

/* Hands over list after list, the latest transaction's first: OK, CORRUPT or BEYOND. */
ESPT_MUST_USE enum reader_status free_each(struct snapshot *snapshot, free_fn fn, void *arg);

/* OK if the list is that of the snapshot: its last key is the transaction's own id, since each
   transaction frees a page at least, but for a file's first. Else CORRUPT, or BEYOND. */
ESPT_MUST_USE enum reader_status free_is_current(struct snapshot *snapshot);

/* CORRUPT: the page is a free one, or the list is damaged. OK; or BEYOND. */
ESPT_MUST_USE enum reader_status free_search(struct snapshot *snapshot, uint64_t number);

#endif
