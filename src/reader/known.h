/*
 * What is known of one snapshot, so that the next look-up in it need not find it out again: the
 * state, where the tables begin, which pages are in use, and where the records lie that come again
 * and again.
 *
 * MUST 1: it is found by the snapshot's nonce alone, which is read from the file at each look-up:
 *         64 random bits that every transaction draws. The id would not do, for it is used again
 *         after a failed commit: what was kept by it was wrong in 200 of 200 runs.
 * MUST 2: it holds what one committed state said, confirmed by reader_end(). Pages of a snapshot do
 *         not change as long as it counts, so that what is derived from them does not either.
 * MUST 3: nobody waits: who finds another thread writing here goes the long way. A thread lost in
 *         the writing (in a fork) leaves that for ever, and nothing else. No memory: the same.
 */
#ifndef ESPT_READER_KNOWN_H
#define ESPT_READER_KNOWN_H

#include "reader/meta.h"
#include "reader/reader.h"

/* For a mapping of so many bytes; NULL: no memory. Only what is used of it takes any. */
struct known *known_open(size_t mapped, uint32_t page_size);
void known_close(struct known *known, size_t mapped, uint32_t page_size);

/* Fills the snapshot, but for its reader, if it is the one that is known. */
ESPT_MUST_USE bool known_recall(struct snapshot *snapshot, const struct metas *metas);
/* Keeps a snapshot that reader_end() has just confirmed. */
void known_keep(struct snapshot *snapshot, const struct metas *metas);

/* OK if the page is in use in this snapshot; CORRUPT, or BEYOND. */
ESPT_MUST_USE enum reader_status known_in_use(struct snapshot *snapshot, uint64_t number);
/* Asks for what that will look at. */
void known_bring(const struct reader *reader, uint64_t number);

/* Where the record of an integer key lies, if it was told: a page, and an offset on it. Of
   TABLE_AUTH and TABLE_RESELLERS. */
ESPT_MUST_USE bool known_place(const struct snapshot *snapshot, enum table table, uint64_t key,
                               uint64_t *ret_page, uint32_t *ret_node);
/* Asks for what that will look at. */
void known_bring_place(const struct reader *reader, enum table table, uint64_t key);
/* Of the snapshot with that nonce, and confirmed. */
void known_tell(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                uint64_t page, uint32_t node);

#endif
