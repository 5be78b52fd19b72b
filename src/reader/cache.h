/* SPDX-License-Identifier: ISC */
/*
 * The snapshot cache. It stores what a look-up has found out about one snapshot, for later
 * look-ups: the state, the roots of the tables, which pages are in use, which of them are sound,
 * and the places of records that are read repeatedly. It stores no record.
 *
 * MUST 1: the key of the cache is the identity of the state (common/state.h), which each look-up
 *         reads from the file. The transaction id is not enough: LMDB uses it again after a failed
 *         commit. A cache with the id as its key was wrong in 200 of 200 runs.
 * MUST 2: the cache holds only what reader_end() confirmed as part of one committed state. The
 *         pages of a valid snapshot do not change, so facts derived from them do not change either.
 * MUST 3: no thread waits. A thread that finds another thread writing here works without the cache
 *         and returns the same answer. The same holds if there was no memory for a cache.
 * MUST 4: a forked child begins with an empty cache (MADV_WIPEONFORK). Memory of zeros is a valid
 *         empty cache that no thread has locked, whatever another thread was writing at the fork.
 */
#ifndef ESPT_READER_CACHE_H
#define ESPT_READER_CACHE_H

#include "reader/meta.h"
#include "reader/types.h"

/* Creates a cache for a mapping of `mapped` bytes. NULL: no memory. Pages of the cache take memory
   only once they are used. */
struct cache *cache_open(size_t mapped, uint32_t page_size);
void cache_close(struct cache *cache, size_t mapped, uint32_t page_size);

/* Fills the snapshot, except its `reader`, from the cache. False: the cache holds another snapshot,
   or none. */
ESPT_MUST_USE bool cache_recall(struct snapshot *snapshot, const struct metas *metas);
/* Stores a snapshot that reader_end() has just confirmed. */
void cache_store(struct snapshot *snapshot, const struct metas *metas);

/* OK: the page is in use in this snapshot. Else CORRUPT or BEYOND. */
ESPT_MUST_USE enum reader_status cache_page_in_use(struct snapshot *snapshot, uint64_t number);
/* True: this page, which is in use, was found sound before (absence.h). */
ESPT_MUST_USE bool cache_page_is_sound(const struct snapshot *snapshot, uint64_t number);
void cache_note_sound(struct snapshot *snapshot, uint64_t number);
/* Prefetches what cache_page_in_use() and cache_page_is_sound() read. */
void cache_prefetch_page(const struct reader *reader, uint64_t number);

/* Finds the noted place of the record of an integer key: a page, and an offset on it. For
   TABLE_AUTH and TABLE_RESELLERS. False: no place is noted. */
ESPT_MUST_USE bool cache_place(const struct snapshot *snapshot, enum table table, uint64_t key,
                               uint64_t *ret_page, uint32_t *ret_node);
/* Prefetches what cache_place() reads. */
void cache_prefetch_place(const struct reader *reader, enum table table, uint64_t key);
/* Notes a place that reader_end() has confirmed, in the snapshot with that nonce. */
void cache_note_place(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                      uint64_t page, uint32_t node);

#endif
