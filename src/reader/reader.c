/* SPDX-License-Identifier: ISC */
#include "reader/reader.h"

#include "reader/absence.h"
#include "reader/cache.h"
#include "reader/confirm.h"
#include "reader/load.h"
#include "reader/node.h"
#include "reader/snapshot.h"

#include <limits.h>

#define LOOK_TRIES 64
#define DAMAGE_TRIES 8 /* tries before a file counts as damaged */
#define PAUSE_MAX 1024

static inline uint64_t key_integer_of(const struct record_key *key)
{
    return load64_anywhere(key->bytes);
}

static inline uint64_t page_of(const struct reader *reader, const struct leaf *leaf)
{
    return (uint64_t)(leaf->node - reader->map) / reader->page_size;
}

/* Prefetches the record at that place. */
static void prefetch(const struct reader *reader, const struct place *place)
{
    if (place->page >= reader->mapped / reader->page_size)
        return;
    const uint8_t *node = reader->map + place->page * reader->page_size + place->node;
    prefetch_line(node);
    prefetch_line(node + LINE);
}

enum reader_status reader_begin(struct snapshot *ret_snapshot, struct reader *reader)
{
    return snapshot_begin(ret_snapshot, reader);
}

enum reader_status reader_end(const struct snapshot *snapshot)
{
    return confirm_state(snapshot);
}

void reader_prefetch(const struct reader *reader, uint64_t id)
{
    cache_prefetch_place(reader, TABLE_AUTH, id);
}

struct place reader_seek(struct snapshot *snapshot, enum table table, const struct record_key *key)
{
    const bool integer_keys = table_has_integer_key(table);
    struct place place = {.status = READER_NONE};
    struct tree tree;
    if (key->len > sizeof key->bytes || (integer_keys && key->len != sizeof place.page))
        return place;
    if (integer_keys &&
        cache_place(snapshot, table, key_integer_of(key), &place.page, &place.node)) {
        prefetch(snapshot->reader, &place);
        place.status = READER_OK;
        return place;
    }
    place.status = snapshot_table(snapshot, table, &tree);
    if (place.status != READER_OK)
        return place;
    place.page = tree.root;
    if (integer_keys)
        place.status = page_approach(snapshot->reader, tree.root, tree.depth, key_integer_of(key),
                                     &place.page, &place.guess);
    cache_prefetch_page(snapshot->reader, place.page);
    return place;
}

static enum reader_status find_from(struct reader *reader, enum table table,
                                    const struct record_key *key, uint64_t from, uint32_t guess,
                                    struct leaf *ret_leaf)
{
    struct page page;
    enum reader_status status = page_open(reader, from, &page);
    if (status != READER_OK)
        return status;
    return table_has_integer_key(table)
               ? page_find_integer(reader, &page, key_integer_of(key), guess, ret_leaf)
               : page_find_name(reader, &page, key->bytes, key->len, UINT_MAX, ret_leaf);
}

/* Finds the key from the prefetched page. If it is not found, absence must be proved. */
static enum reader_status find(struct snapshot *snapshot, enum table table,
                               const struct record_key *key, uint64_t from, uint32_t guess,
                               struct leaf *ret_leaf)
{
    enum reader_status status = find_from(snapshot->reader, table, key, from, guess, ret_leaf);
    if (status == READER_OK)
        return cache_page_in_use(snapshot, page_of(snapshot->reader, ret_leaf));
    if (status != READER_NONE)
        return status;
    struct tree tree;
    status = snapshot_table(snapshot, table, &tree);
    return status == READER_OK ? absence_prove(snapshot, table, tree.root, from, key) : status;
}

enum reader_status reader_fetch(struct snapshot *snapshot, enum table table,
                                const struct record_key *key, struct place *place, uint8_t *out,
                                size_t *ret_len)
{
    struct reader *reader = snapshot->reader;
    struct leaf leaf = {0};
    enum reader_status status = place->status;
    if (status == READER_OK && place->node != 0 &&
        page_find_at(reader, place->page, place->node, key_integer_of(key), &leaf) == READER_OK)
        return page_copy_value(&leaf, out, ret_len);
    if (status == READER_OK && place->node != 0) { /* the place is that of another record */
        struct tree tree;
        status = snapshot_table(snapshot, table, &tree);
        place->page = tree.root;
    }
    if (status == READER_OK)
        status = find(snapshot, table, key, place->page, place->guess, &leaf);
    if (status == READER_OK)
        status = page_copy_value(&leaf, out, ret_len);
    if (status == READER_OK) {
        place->page = page_of(reader, &leaf);
        place->node = (uint32_t)((size_t)(leaf.node - reader->map) % reader->page_size);
    }
    return status;
}

enum reader_status reader_get(struct snapshot *snapshot, enum table table,
                              const struct record_key *key, uint8_t *out, size_t *ret_len)
{
    if (table != TABLE_STATE) {
        struct place place = reader_seek(snapshot, table, key);
        return reader_fetch(snapshot, table, key, &place, out, ret_len);
    }
    struct leaf leaf;
    enum reader_status status =
        page_find_name(snapshot->reader, &snapshot->main, key->bytes, key->len, UINT_MAX, &leaf);
    return status == READER_OK ? page_copy_value(&leaf, out, ret_len) : status;
}

void reader_remember(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                     const struct place *place)
{
    if (place->node != 0)
        cache_note_place(reader, nonce, table, key, place->page, place->node);
}

/* Gives a writer time to finish, twice as long on each try. 1,024 turns take about 40
   microseconds. */
static void pause_for(unsigned tries)
{
    unsigned turns = tries < 6 ? 16u << tries : PAUSE_MAX;
    for (volatile unsigned i = 0; i < turns; i++) {
#if defined __x86_64__
        __builtin_ia32_pause();
#endif
    }
}

enum reader_status reader_look_up(struct reader *reader, reader_fn fn, void *arg)
{
    unsigned damaged = 0;
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
                   (status != READER_CORRUPT || ++damaged == DAMAGE_TRIES)) {
            return status;
        }
        pause_for(tries);
    }
    return READER_AGAIN;
}
