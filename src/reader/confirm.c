/* SPDX-License-Identifier: ISC */
/*
 * Why a copy that was taken without a lock is one committed state. Transaction T+1 is the first
 * that can free pages of snapshot T. Writer W takes its pages from what transactions F <= W-2
 * freed, so T+3 is the first that may overwrite a page of T, and it begins after the commit of T+2.
 * So if the newer meta page still says T or T+1 after everything was copied, T+3 had not begun.
 *
 * An id does not identify T. A commit whose last write fails may be visible for a moment; LMDB
 * takes it back, and the next commit uses the same id and the same pages. So the end of a look-up
 * also requires the identity that was read at the beginning: the same root in T's meta page, and
 * then, loaded later, the same nonce and revision in the state record below that root. The next
 * commit has another root, or it wrote its own state record to that place before it wrote its meta
 * page.
 */
#include "reader/confirm.h"

#include "reader/meta.h"

/* Tests weaken these guards, to show that they detect the errors that follow. */
#ifndef READER_BOUND
#define READER_BOUND 1
#endif
#ifndef READER_BY_IDENTITY
#define READER_BY_IDENTITY true
#endif

#define STATE_KEY "state" /* the same key as key_state() returns */

enum reader_status confirm_read_state(struct reader *reader, const struct page *root,
                                      struct state_record *ret_state, struct leaf *ret_leaf)
{
    uint8_t value[RECORD_MAX];
    size_t len;
    enum reader_status status = page_find_name(reader, root, STATE_KEY, sizeof STATE_KEY - 1,
                                               main_index(TABLE_STATE), ret_leaf);
    if (status == READER_OK)
        status = page_copy_value(ret_leaf, value, &len);
    if (status != READER_OK)
        return status == READER_NONE ? READER_CORRUPT : status;
    switch (state_decode(value, len, ret_state)) {
    case STATE_GOOD:
        return READER_OK;
    case STATE_NEWER:
        return READER_NEWER;
    case STATE_OLDER:
        return READER_OLDER;
    default:
        return READER_CORRUPT;
    }
}

bool confirm_not_overwritten(const struct snapshot *snapshot)
{
    READER_STEP();
    load_fence();
    const uint64_t newer = meta_newest(snapshot->reader);
    return newer >= snapshot->transaction && newer - snapshot->transaction <= READER_BOUND &&
           (!READER_BY_IDENTITY || meta_holds(snapshot));
}

/* Reads the identity of the state that is below the root now. */
static bool identify(const struct snapshot *snapshot, struct state_id *ret_id)
{
    struct state_record state;
    struct leaf leaf;
    if (snapshot->state_at != 0)
        return state_id_on(snapshot->reader, &snapshot->main, snapshot->state_at, ret_id);
    if (confirm_read_state(snapshot->reader, &snapshot->main, &state, &leaf) != READER_OK)
        return false;
    *ret_id = state_id_of(snapshot->reader, state.nonce, state.revision);
    return true;
}

enum reader_status confirm_state(const struct snapshot *snapshot)
{
    const struct state_id began = reader_state_id(snapshot);
    struct state_id now;
    if (!confirm_not_overwritten(snapshot))
        return READER_AGAIN;
    return !READER_BY_IDENTITY || (identify(snapshot, &now) && state_same(&began, &now))
               ? READER_OK
               : READER_AGAIN;
}
