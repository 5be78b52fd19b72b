/*
 * What of a snapshot lies in the main database: the state record, and where the tables begin.
 */
#ifndef ESPT_READER_SNAPSHOT_H
#define ESPT_READER_SNAPSHOT_H

#include "common/copy.h"
#include "reader/page.h"

#include <string.h>

/* Copies bytes that a writer may change, once and for all: no later use loads them again. */
static inline void copy_out(void *out, const uint8_t *bytes, size_t len)
{
    copy_small(out, bytes, len);
    atomic_signal_fence(memory_order_acq_rel);
}

/* Copies a plain value; `out` has RECORD_MAX bytes. OK or CORRUPT. */
ESPT_MUST_USE enum reader_status snapshot_copy(const struct leaf *leaf, uint8_t *out,
                                               size_t *ret_len);
/* OK; NONE: the table is empty; CORRUPT or BEYOND. The tree is filled where it is OK or NONE. */
ESPT_MUST_USE enum reader_status snapshot_table(struct snapshot *snapshot, enum table table,
                                                struct tree *ret_tree);

#endif
