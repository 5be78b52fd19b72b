/* SPDX-License-Identifier: ISC */
/* The part of the snapshot cache that notes the places of records with integer keys. */
#include "common/spread.h"
#include "reader/cache_memory.h"

#define NODE_BITS 16 /* bits of an offset on a page */

static inline size_t index_of(uint64_t key)
{
    return (size_t)(spread(key) >> 40) % PLACE_SETS;
}

/* The set in which the place of that key is noted. NULL: there is no cache, or the table has no
   places. */
static inline struct place_set *set_of(struct cache *cache, enum table table, uint64_t key)
{
    if (cache == NULL)
        return NULL;
    return table == TABLE_AUTH        ? &cache->auth[index_of(key)]
           : table == TABLE_RESELLERS ? &cache->resellers[index_of(key)]
                                      : NULL;
}

/* The entry of that key. NULL: no place is noted. */
static inline struct place_word *find_place(struct place_set *places, uint64_t whose)
{
    for (unsigned i = 0; i < PLACES_IN_SET; i++) {
        if (load_word(&places->place[i].whose) == whose)
            return &places->place[i];
    }
    return NULL;
}

void cache_prefetch_place(const struct reader *reader, enum table table, uint64_t key)
{
    const struct place_set *places = set_of(reader->cache, table, key);
    if (places != NULL)
        prefetch_line(places);
}

bool cache_place(const struct snapshot *snapshot, enum table table, uint64_t key,
                 uint64_t *ret_page, uint32_t *ret_node)
{
    const uint64_t nonce = snapshot->state.nonce;
    struct place_set *places = set_of(snapshot->reader->cache, table, key);
    const struct place_word *place =
        places != NULL ? find_place(places, spread(key) ^ nonce) : NULL;
    if (place == NULL)
        return false;
    READER_STEP();
    const uint64_t where = load_word(&place->where) ^ nonce;
    *ret_page = where >> NODE_BITS;
    *ret_node = (uint32_t)(where & ((UINT64_C(1) << NODE_BITS) - 1));
    return *ret_node != 0;
}

static void store_place(struct place_word *place, uint64_t whose, uint64_t where)
{
    store_word(&place->whose, whose);
    READER_STEP();
    store_word(&place->where, where);
}

/* A new entry becomes the first of its set, and the oldest one is dropped. */
void cache_note_place(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                      uint64_t page, uint32_t node)
{
    const uint64_t whose = spread(key) ^ nonce, where = (page << NODE_BITS | node) ^ nonce;
    struct place_set *places = set_of(reader->cache, table, key);
    if (places == NULL)
        return;
    struct place_word *place = find_place(places, whose);
    if (place == NULL) {
        for (unsigned i = PLACES_IN_SET - 1; i > 0; i--)
            store_place(&places->place[i], load_word(&places->place[i - 1].whose),
                        load_word(&places->place[i - 1].where));
        place = &places->place[0];
    }
    store_place(place, whose, where);
}
