/* SPDX-License-Identifier: ISC */
/*
 * The state record of a snapshot, and whether what was read belongs to that one committed state
 * (reader.h, MUST 4).
 */
#ifndef ESPT_READER_CONFIRM_H
#define ESPT_READER_CONFIRM_H

#include "reader/load.h"
#include "reader/page.h"

/* A first guess for the index of each name on the main database's leaf, which has no other keys. */
static inline unsigned main_index(enum table table)
{
    static const unsigned index[TABLE_COUNT] = {
        [TABLE_AUTH] = 0,    [TABLE_BY_ENTITY] = 1, [TABLE_CUSTOMERS] = 2, [TABLE_ENTITIES] = 3,
        [TABLE_FOLDED] = 4,  [TABLE_FOREIGN] = 5,   [TABLE_LOG] = 6,       [TABLE_NAMES] = 7,
        [TABLE_NOTICES] = 8, [TABLE_RESELLERS] = 9, [TABLE_STATE] = 10,    [TABLE_TOKENS] = 11,
        [TABLE_USAGE] = 12,
    };
    return index[table];
}

static inline struct state_id state_id_of(const struct reader *reader, uint64_t nonce,
                                          uint64_t revision)
{
    return (struct state_id){reader->dev, reader->ino, nonce, revision};
}

/* The identity of the state whose record has its value at offset `at` of that page, loaded now.
   False: no value can be at that offset. */
static inline bool state_id_on(const struct reader *reader, const struct page *page, uint64_t at,
                               struct state_id *ret_id)
{
    if (at < page->upper || at > page->size - STATE_ID_END)
        return false;
    *ret_id = state_id_of(reader, load64_anywhere(page->bytes + at + STATE_NONCE_AT),
                          load64_anywhere(page->bytes + at + STATE_REVISION_AT));
    return true;
}

/* Reads the state record below a root of the main database: OK, CORRUPT, NEWER, OLDER or BEYOND. */
ESPT_MUST_USE enum reader_status confirm_read_state(struct reader *reader, const struct page *root,
                                                    struct state_record *ret_state,
                                                    struct leaf *ret_leaf);
/* True: no transaction has overwritten the pages of the snapshot. The newest transaction is T or
 * T+1, and T's meta page still leads to the same roots. */
ESPT_MUST_USE bool confirm_not_overwritten(const struct snapshot *snapshot);

/* reader_end() */
ESPT_MUST_USE enum reader_status confirm_state(const struct snapshot *snapshot);

#endif
