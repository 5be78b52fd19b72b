#include "reader/known_memory.h"

#define NODE_BITS 16 /* of an offset on a page */

static inline uint64_t spread(uint64_t key)
{
    return key * UINT64_C(0x9e3779b97f4a7c15);
}

static inline size_t index_of(uint64_t key)
{
    return (size_t)(spread(key) >> 40) % PLACES;
}

/* Where the place of that key is kept, or NULL. */
static inline struct place_word *place_of(struct known *known, enum table table, uint64_t key)
{
    if (known == NULL)
        return NULL;
    return table == TABLE_AUTH        ? &known->auth[index_of(key)]
           : table == TABLE_RESELLERS ? &known->resellers[index_of(key)]
                                      : NULL;
}

void known_bring_place(const struct reader *reader, enum table table, uint64_t key)
{
    const struct place_word *place = place_of(reader->known, table, key);
    if (place != NULL)
        bring_line(place);
}

bool known_place(const struct snapshot *snapshot, enum table table, uint64_t key,
                 uint64_t *ret_page, uint32_t *ret_node)
{
    const uint64_t nonce = snapshot->state.nonce;
    const struct place_word *place = place_of(snapshot->reader->known, table, key);
    if (place == NULL || look(&place->whose) != (spread(key) ^ nonce))
        return false;
    READER_STEP();
    const uint64_t where = look(&place->where) ^ nonce;
    *ret_page = where >> NODE_BITS;
    *ret_node = (uint32_t)(where & ((UINT64_C(1) << NODE_BITS) - 1));
    return *ret_node != 0;
}

void known_tell(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                uint64_t page, uint32_t node)
{
    struct place_word *place = place_of(reader->known, table, key);
    if (place == NULL)
        return;
    set(&place->whose, spread(key) ^ nonce);
    READER_STEP();
    set(&place->where, (page << NODE_BITS | node) ^ nonce);
}
