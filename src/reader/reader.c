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

#include <limits.h>
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

/* Where the names stand in the main database's leaf, as a first guess: its keys are these alone. */
static const unsigned guess[TABLE_COUNT] = {
    [TABLE_AUTH] = 0,      [TABLE_BY_ENTITY] = 1, [TABLE_CUSTOMERS] = 2, [TABLE_ENTITIES] = 3,
    [TABLE_FOLDED] = 4,    [TABLE_FOREIGN] = 5,   [TABLE_LOG] = 6,       [TABLE_NAMES] = 7,
    [TABLE_RESELLERS] = 8, [TABLE_STATE] = 9,     [TABLE_TOKENS] = 10,   [TABLE_USAGE] = 11,
};

/* Copies a plain value; `out` has RECORD_MAX bytes. */
static inline enum reader_status copy_value(const struct leaf *leaf, uint8_t *out, size_t *ret_len)
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
                                    struct state_record *ret_state)
{
    uint8_t value[RECORD_MAX];
    size_t len;
    struct leaf leaf;
    enum reader_status status =
        page_find_name(reader, root, STATE_KEY, sizeof STATE_KEY - 1, guess[TABLE_STATE], &leaf);
    if (status == READER_OK)
        status = copy_value(&leaf, value, &len);
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
    if (metas->older_root == ROOT_EMPTY)
        older.revision = metas->transaction == 1 ? 0 : UINT64_MAX;
    else
        status = page_open(reader, metas->older_root, &root);
    if (status == READER_OK && metas->older_root != ROOT_EMPTY)
        status = get_state(reader, &root, &older);
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
    /* a root that is empty is a page beyond every file */
    enum reader_status status = page_open(reader, metas->root, &snapshot->main);
    if (status == READER_OK)
        status = get_state(reader, &snapshot->main, &snapshot->state);
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

static inline uint64_t key_integer_of(const struct record_key *key)
{
    uint64_t value;
    memcpy(&value, key->bytes, sizeof value);
    return value;
}

/* OK with the table's record, NONE if the table is empty. */
static enum reader_status get_table(struct snapshot *snapshot, enum table table,
                                    struct table_record *ret_record)
{
    const char *name = table_name(table);
    struct leaf leaf;
    enum reader_status status =
        page_find_name(snapshot->reader, &snapshot->main, name, strlen(name), guess[table], &leaf);
    if (status == READER_NONE)
        return READER_CORRUPT;
    if (status != READER_OK)
        return status;
    if (leaf.flags != LEAF_TABLE || leaf.len != TABLE_RECORD_LEN)
        return READER_CORRUPT;
    copy_out(ret_record, leaf.data, sizeof *ret_record);
    if (ret_record->flags != (table_has_integer_key(table) ? TABLE_INTEGER_KEYS : 0) ||
        (ret_record->root == ROOT_EMPTY) != (ret_record->entries == 0))
        return READER_CORRUPT;
    return ret_record->root == ROOT_EMPTY ? READER_NONE : READER_OK;
}

struct place reader_seek(struct snapshot *snapshot, enum table table, const struct record_key *key)
{
    const bool integer_keys = table_has_integer_key(table);
    struct place place = {.status = READER_NONE};
    struct table_record record;
    if (key->len > sizeof key->bytes || (integer_keys && key->len != sizeof place.page))
        return place;
    place.status = get_table(snapshot, table, &record);
    if (place.status != READER_OK)
        return place;
    place.page = record.root;
    if (integer_keys)
        place.status = page_approach(snapshot->reader, record.root, record.depth,
                                     key_integer_of(key), &place.page);
    return place;
}

enum reader_status reader_take(struct snapshot *snapshot, enum table table,
                               const struct record_key *key, const struct place *place,
                               uint8_t *out, size_t *ret_len)
{
    struct page page;
    struct leaf leaf;
    enum reader_status status = place->status;
    if (status == READER_OK)
        status = page_open(snapshot->reader, place->page, &page);
    if (status == READER_OK)
        status =
            table_has_integer_key(table)
                ? page_find_integer(snapshot->reader, &page, key_integer_of(key), &leaf)
                : page_find_name(snapshot->reader, &page, key->bytes, key->len, UINT_MAX, &leaf);
    return status == READER_OK ? copy_value(&leaf, out, ret_len) : status;
}

enum reader_status reader_get(struct snapshot *snapshot, enum table table,
                              const struct record_key *key, uint8_t *out, size_t *ret_len)
{
    if (table != TABLE_STATE) {
        const struct place place = reader_seek(snapshot, table, key);
        return reader_take(snapshot, table, key, &place, out, ret_len);
    }
    struct leaf leaf;
    enum reader_status status = page_find_name(snapshot->reader, &snapshot->main, key->bytes,
                                               key->len, guess[TABLE_STATE], &leaf);
    return status == READER_OK ? copy_value(&leaf, out, ret_len) : status;
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
