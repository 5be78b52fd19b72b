/* SPDX-License-Identifier: ISC */
#include "reader/snapshot.h"

#include "reader/cache.h"
#include "reader/confirm.h"
#include "reader/freelist.h"
#include "reader/load.h"
#include "reader/meta.h"

#include <string.h>

/* LMDB's record of a named table, as stored on a leaf of the main database. */
#define TABLE_RECORD_LEN 48
#define TABLE_INTEGER_KEYS 8

struct table_record {
    uint32_t pad;
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};
_Static_assert(sizeof(struct table_record) == TABLE_RECORD_LEN, "LMDB's layout has no gaps");

/* One wrong bit can make the newer id look like that of the transaction before the older one (3
   becomes 1). Then the other meta page, which is intact, would lead to the previous state. But the
   damaged page still leads to the later revision. */
static enum reader_status check_older(struct reader *reader, const struct metas *metas,
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
        status = confirm_read_state(reader, &root, &older, &leaf);
    if (status == READER_OK && older.revision <= state->revision)
        return READER_OK;
    if (status == READER_OLDER) /* the next transaction was the upgrade */
        return READER_OK;
    if (status == READER_BEYOND)
        return READER_BEYOND;
    /* The pages of the older state do not change until a third transaction begins. */
    load_fence();
    return meta_newest(reader) == metas->transaction ? READER_CORRUPT : READER_AGAIN;
}

/* Offset of the value on the main database's root page. 0: it is on another page. */
static uint32_t offset_on_root(const struct snapshot *snapshot, const struct leaf *state)
{
    const uint8_t *page = snapshot->main.bytes;
    if (state->data < page || state->data >= page + snapshot->main.size)
        return 0;
    return (uint32_t)(state->data - page);
}

static enum reader_status begin_at(struct snapshot *snapshot, const struct metas *metas)
{
    struct reader *reader = snapshot->reader;
    struct leaf state;
    snapshot->transaction = metas->transaction;
    snapshot->root = metas->root;
    snapshot->free_root = metas->free_root;
    snapshot->last_page = metas->last_page;
    snapshot->cached = 0;
    /* ROOT_EMPTY is a page number beyond every file */
    enum reader_status status = page_open(reader, metas->root, &snapshot->main);
    if (status == READER_OK)
        status = confirm_read_state(reader, &snapshot->main, &snapshot->state, &state);
    if (status != READER_OK)
        return status;
    if (snapshot->state.transaction != metas->transaction)
        return READER_AGAIN;
    snapshot->state_at = offset_on_root(snapshot, &state);
    status = freelist_is_current(snapshot);
    if (status == READER_OK)
        status = check_older(reader, metas, &snapshot->state);
    return status == READER_OK && snapshot->state.closed ? READER_CLOSED : status;
}

/* Stores a confirmed snapshot in the cache, if it has the tables that most look-ups need. */
static void store(struct snapshot *snapshot, const struct metas *metas)
{
    if (snapshot->state_at != 0 &&
        snapshot_table(snapshot, TABLE_AUTH, &snapshot->auth) >= READER_NONE &&
        snapshot_table(snapshot, TABLE_RESELLERS, &snapshot->resellers) >= READER_NONE)
        cache_store(snapshot, metas);
}

enum reader_status snapshot_begin(struct snapshot *ret_snapshot, struct reader *reader)
{
    struct metas metas;
    ret_snapshot->reader = reader;
    if (!meta_read(reader, &metas))
        return READER_CORRUPT;
    if (cache_recall(ret_snapshot, &metas))
        return READER_OK;
    enum reader_status status = begin_at(ret_snapshot, &metas);
    /* Damage is real only if the meta page that led to it is unchanged. */
    if (status == READER_OK ? confirm_state(ret_snapshot) != READER_OK
                            : !confirm_not_overwritten(ret_snapshot))
        return READER_AGAIN;
    if (status == READER_OK)
        store(ret_snapshot, &metas);
    return status;
}

enum reader_status snapshot_table(struct snapshot *snapshot, enum table table,
                                  struct tree *ret_tree)
{
    const char *name = table_name(table);
    struct table_record record;
    struct leaf leaf;
    if (snapshot->cached != 0 && (table == TABLE_AUTH || table == TABLE_RESELLERS)) {
        *ret_tree = table == TABLE_AUTH ? snapshot->auth : snapshot->resellers;
        return ret_tree->root == ROOT_EMPTY ? READER_NONE : READER_OK;
    }
    enum reader_status status = page_find_name(snapshot->reader, &snapshot->main, name,
                                               strlen(name), main_index(table), &leaf);
    if (status == READER_NONE)
        return READER_CORRUPT;
    if (status != READER_OK)
        return status;
    if (leaf.flags != LEAF_TABLE || leaf.len != TABLE_RECORD_LEN)
        return READER_CORRUPT;
    load_bytes(&record, leaf.data, sizeof record);
    if (record.flags != (table_has_integer_key(table) ? TABLE_INTEGER_KEYS : 0) ||
        (record.root == ROOT_EMPTY) != (record.entries == 0))
        return READER_CORRUPT;
    *ret_tree = (struct tree){record.root, record.depth};
    return record.root == ROOT_EMPTY ? READER_NONE : READER_OK;
}
