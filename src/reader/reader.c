/*
 * Why a copy taken without a lock is one committed state. The pages of snapshot T are freed by
 * transaction T+1 at the earliest. Writer W takes its pages from what F <= W-2 freed; so T+3 is the
 * first that may overwrite a page of T, and it begins after T+2 is committed. As long as the newer
 * meta page says T or T+1 when all has been copied, T+3 had not begun.
 */
#include "reader/reader.h"

#include "reader/load.h"
#include "reader/meta.h"
#include "reader/page.h"

#include <string.h>

/* Tests loosen it to show that they would see the harm. */
#ifndef READER_BOUND
#define READER_BOUND 1
#endif

#define LOOK_TRIES 64
#define DOUBT_TRIES 8 /* at a file that seems damaged */
#define PAUSE_MAX 1024
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

/* Copies bytes that a writer may change, once and for all: no later use loads them again. */
static void copy_out(void *out, const uint8_t *bytes, size_t len)
{
    memcpy(out, bytes, len);
    atomic_signal_fence(memory_order_acq_rel);
}

/* Copies a plain value; `out` has RECORD_MAX bytes. */
static enum reader_status get_value(struct reader *reader, uint64_t root, const void *key,
                                    size_t key_len, bool integer_keys, uint8_t *out,
                                    size_t *ret_len)
{
    struct leaf leaf;
    enum reader_status status = page_find(reader, root, key, key_len, integer_keys, &leaf);
    if (status != READER_OK)
        return status;
    if (leaf.flags != LEAF_PLAIN || leaf.len > RECORD_MAX)
        return READER_CORRUPT;
    READER_STEP();
    copy_out(out, leaf.data, leaf.len);
    *ret_len = leaf.len;
    return READER_OK;
}

/* The state record below a root of the main database: OK, CORRUPT, NEWER, OLDER or BEYOND. */
static enum reader_status get_state(struct reader *reader, uint64_t root,
                                    struct state_record *ret_state)
{
    uint8_t value[RECORD_MAX];
    size_t len;
    if (root == ROOT_EMPTY)
        return READER_CORRUPT;
    enum reader_status status =
        get_value(reader, root, STATE_KEY, sizeof STATE_KEY - 1, false, value, &len);
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
    if (metas->older_root == ROOT_EMPTY)
        older.revision = metas->transaction == 1 ? 0 : UINT64_MAX;
    else
        status = get_state(reader, metas->older_root, &older);
    if (status == READER_OK && older.revision <= state->revision)
        return READER_OK;
    if (status == READER_OLDER) /* the transaction after it was the upgrade */
        return READER_OK;
    /* The older state's pages hold still as long as there is no third. */
    load_fence();
    return meta_newest(reader) == metas->transaction ? READER_CORRUPT : READER_AGAIN;
}

static enum reader_status begin_at(struct snapshot *snapshot, const struct metas *metas)
{
    struct reader *reader = snapshot->reader;
    snapshot->transaction = metas->transaction;
    snapshot->main_root = metas->root;
    enum reader_status status = get_state(reader, metas->root, &snapshot->state);
    if (status != READER_OK)
        return status;
    if (snapshot->state.transaction != metas->transaction)
        return READER_AGAIN;
    status = judge_older(reader, metas, &snapshot->state);
    return status == READER_OK && snapshot->state.closed ? READER_CLOSED : status;
}

enum reader_status reader_begin(struct snapshot *ret_snapshot, struct reader *reader)
{
    struct metas metas;
    ret_snapshot->reader = reader;
    if (!meta_read(reader, &metas))
        return READER_CORRUPT;
    enum reader_status status = begin_at(ret_snapshot, &metas);
    if (status != READER_OK && reader_end(ret_snapshot) != READER_OK)
        return READER_AGAIN;
    return status;
}

/* OK with the root, NONE if the table is empty. */
static enum reader_status table_root(struct snapshot *snapshot, enum table table,
                                     uint64_t *ret_root)
{
    const char *name = table_name(table);
    struct leaf leaf;
    enum reader_status status =
        page_find(snapshot->reader, snapshot->main_root, name, strlen(name), false, &leaf);
    if (status == READER_NONE)
        return READER_CORRUPT;
    if (status != READER_OK)
        return status;
    if (leaf.flags != LEAF_TABLE || leaf.len != TABLE_RECORD_LEN)
        return READER_CORRUPT;
    struct table_record record;
    copy_out(&record, leaf.data, sizeof record);
    if (record.flags != (table_has_integer_key(table) ? TABLE_INTEGER_KEYS : 0) ||
        (record.root == ROOT_EMPTY) != (record.entries == 0))
        return READER_CORRUPT;
    *ret_root = record.root;
    return record.root == ROOT_EMPTY ? READER_NONE : READER_OK;
}

enum reader_status reader_get(struct snapshot *snapshot, enum table table,
                              const struct record_key *key, uint8_t *out, size_t *ret_len)
{
    bool integer_keys = table_has_integer_key(table);
    if (key->len > sizeof key->bytes || (integer_keys && key->len != sizeof(uint64_t)))
        return READER_NONE;
    if (table == TABLE_STATE)
        return get_value(snapshot->reader, snapshot->main_root, key->bytes, key->len, false, out,
                         ret_len);
    uint64_t root;
    enum reader_status status = table_root(snapshot, table, &root);
    if (status != READER_OK)
        return status;
    return get_value(snapshot->reader, root, key->bytes, key->len, integer_keys, out, ret_len);
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

/* A moment for the writer, twice as long each time: 1,024 turns are some 40 microseconds. */
static void pause_for(unsigned tries)
{
    unsigned turns = tries < 6 ? 16u << tries : PAUSE_MAX;
    for (volatile unsigned i = 0; i < turns; i++) {
#if defined __x86_64__
        __builtin_ia32_pause();
#endif
    }
}

enum reader_status reader_look(struct reader *reader, reader_fn fn, void *arg)
{
    unsigned doubts = 0;
    for (unsigned tries = 0; tries < LOOK_TRIES; tries++) {
        struct snapshot snapshot;
        enum reader_status status = reader_begin(&snapshot, reader);
        if (status == READER_OK) {
            status = fn(arg, &snapshot);
            if (reader_end(&snapshot) != READER_OK)
                status = READER_AGAIN;
            if (status != READER_AGAIN)
                return status;
        } else if (status != READER_AGAIN &&
                   (status != READER_CORRUPT || ++doubts == DOUBT_TRIES)) {
            return status;
        }
        pause_for(tries);
    }
    return READER_AGAIN;
}
