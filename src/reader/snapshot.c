/*
 * Why a copy taken without a lock is one committed state. The pages of snapshot T are freed by
 * transaction T+1 at the earliest. Writer W takes its pages from what F <= W-2 freed; so T+3 is the
 * first that may overwrite a page of T, and it begins after T+2 is committed. As long as the newer
 * meta page says T or T+1 when all has been copied, T+3 had not begun.
 */
#include "reader/snapshot.h"

#include "reader/free.h"
#include "reader/known.h"
#include "reader/load.h"
#include "reader/meta.h"
#include "reader/page.h"

#include <string.h>

/* Tests loosen it to show that they would see the harm. */
#ifndef READER_BOUND
#define READER_BOUND 1
#endif

#define STATE_KEY "state" /* as key_state() gives it */

/* LMDB's record of a named table, as it lies in a leaf of the main database. */
#define TABLE_RECORD_LEN 48
#define TABLE_INTEGER_KEYS 8

struct table_record {
    uint32_t pad;
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};
_Static_assert(sizeof(struct table_record) == TABLE_RECORD_LEN, "LMDB's layout has no gaps");

/* Where the names stand in the main database's leaf, as a first guess: its keys are these alone. */
static const unsigned guess[TABLE_COUNT] = {
    [TABLE_AUTH] = 0,      [TABLE_BY_ENTITY] = 1, [TABLE_CUSTOMERS] = 2, [TABLE_ENTITIES] = 3,
    [TABLE_FOLDED] = 4,    [TABLE_FOREIGN] = 5,   [TABLE_LOG] = 6,       [TABLE_NAMES] = 7,
    [TABLE_RESELLERS] = 8, [TABLE_STATE] = 9,     [TABLE_TOKENS] = 10,   [TABLE_USAGE] = 11,
};

enum reader_status snapshot_copy(const struct leaf *leaf, uint8_t *out, size_t *ret_len)
{
    if (leaf->flags != LEAF_PLAIN || leaf->len > RECORD_MAX)
        return READER_CORRUPT;
    READER_STEP();
    copy_out(out, leaf->data, leaf->len);
    *ret_len = leaf->len;
    return READER_OK;
}

/* The state record below a root of the main database: OK, CORRUPT, NEWER, OLDER or BEYOND. */
static enum reader_status get_state(struct reader *reader, const struct page *root,
                                    struct state_record *ret_state, struct leaf *ret_leaf)
{
    uint8_t value[RECORD_MAX];
    size_t len;
    enum reader_status status =
        page_find_name(reader, root, STATE_KEY, sizeof STATE_KEY - 1, guess[TABLE_STATE], ret_leaf);
    if (status == READER_OK)
        status = snapshot_copy(ret_leaf, value, &len);
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

/* One wrong bit can make the newer id look like that of the transaction before the older one (3
   becomes 1): then the other page, whole and in order, would bring back the state before. But what
   the damaged page leads to gives it away: its revision is the later one. */
static enum reader_status judge_older(struct reader *reader, const struct metas *metas,
                                      const struct state_record *state)
{
    struct state_record older = {.revision = UINT64_MAX};
    enum reader_status status = READER_OK;
    struct page root;
    struct leaf leaf;
    if (metas->older_root == ROOT_EMPTY)
        older.revision = metas->transaction == 1 ? 0 : UINT64_MAX;
    else
        status = page_open(reader, metas->older_root, &root);
    if (status == READER_OK && metas->older_root != ROOT_EMPTY)
        status = get_state(reader, &root, &older, &leaf);
    if (status == READER_OK && older.revision <= state->revision)
        return READER_OK;
    if (status == READER_OLDER) /* the transaction after it was the upgrade */
        return READER_OK;
    /* The older state's pages hold still as long as there is no third. */
    load_fence();
    return meta_newest(reader) == metas->transaction ? READER_CORRUPT : READER_AGAIN;
}

/* On the main database's root page, where a look-up to come would look for it. */
static uint32_t nonce_at(const struct snapshot *snapshot, const struct leaf *state)
{
    const uint8_t *page = snapshot->main.bytes;
    if (state->data < page || state->data >= page + snapshot->main.size)
        return 0;
    return (uint32_t)(state->data - page) + STATE_NONCE_AT;
}

static enum reader_status begin_at(struct snapshot *snapshot, const struct metas *metas)
{
    struct reader *reader = snapshot->reader;
    struct leaf state;
    snapshot->transaction = metas->transaction;
    snapshot->free_root = metas->free_root;
    snapshot->last_page = metas->last_page;
    snapshot->known = 0;
    /* a root that is empty is a page beyond every file */
    enum reader_status status = page_open(reader, metas->root, &snapshot->main);
    if (status == READER_OK)
        status = get_state(reader, &snapshot->main, &snapshot->state, &state);
    if (status != READER_OK)
        return status;
    if (snapshot->state.transaction != metas->transaction)
        return READER_AGAIN;
    snapshot->nonce_at = nonce_at(snapshot, &state);
    status = free_is_current(snapshot);
    if (status == READER_OK)
        status = judge_older(reader, metas, &snapshot->state);
    return status == READER_OK && snapshot->state.closed ? READER_CLOSED : status;
}

/* What has been confirmed is worth keeping, if the tables are there that most look-ups need. */
static void keep(struct snapshot *snapshot, const struct metas *metas)
{
    if (snapshot->nonce_at != 0 &&
        snapshot_table(snapshot, TABLE_AUTH, &snapshot->auth) >= READER_NONE &&
        snapshot_table(snapshot, TABLE_RESELLERS, &snapshot->resellers) >= READER_NONE)
        known_keep(snapshot, metas);
}

enum reader_status reader_begin(struct snapshot *ret_snapshot, struct reader *reader)
{
    struct metas metas;
    ret_snapshot->reader = reader;
    if (!meta_read(reader, &metas))
        return READER_CORRUPT;
    if (known_recall(ret_snapshot, &metas))
        return READER_OK;
    enum reader_status status = begin_at(ret_snapshot, &metas);
    if (reader_end(ret_snapshot) != READER_OK)
        return READER_AGAIN;
    if (status == READER_OK)
        keep(ret_snapshot, &metas);
    return status;
}

enum reader_status snapshot_table(struct snapshot *snapshot, enum table table,
                                  struct tree *ret_tree)
{
    const char *name = table_name(table);
    struct table_record record;
    struct leaf leaf;
    if (snapshot->known != 0 && (table == TABLE_AUTH || table == TABLE_RESELLERS)) {
        *ret_tree = table == TABLE_AUTH ? snapshot->auth : snapshot->resellers;
        return ret_tree->root == ROOT_EMPTY ? READER_NONE : READER_OK;
    }
    enum reader_status status =
        page_find_name(snapshot->reader, &snapshot->main, name, strlen(name), guess[table], &leaf);
    if (status == READER_NONE)
        return READER_CORRUPT;
    if (status != READER_OK)
        return status;
    if (leaf.flags != LEAF_TABLE || leaf.len != TABLE_RECORD_LEN)
        return READER_CORRUPT;
    copy_out(&record, leaf.data, sizeof record);
    if (record.flags != (table_has_integer_key(table) ? TABLE_INTEGER_KEYS : 0) ||
        (record.root == ROOT_EMPTY) != (record.entries == 0))
        return READER_CORRUPT;
    *ret_tree = (struct tree){record.root, record.depth};
    return record.root == ROOT_EMPTY ? READER_NONE : READER_OK;
}

enum reader_status reader_end(const struct snapshot *snapshot)
{
    READER_STEP();
    load_fence();
    uint64_t newer = meta_newest(snapshot->reader);
    return newer >= snapshot->transaction && newer - snapshot->transaction <= READER_BOUND
               ? READER_OK
               : READER_AGAIN;
}
