#include "common/spread.h"
#include "reader/known_memory.h"

#define NODE_BITS 16 /* of an offset on a page */

static inline size_t index_of(uint64_t key)
{
    return (size_t)(spread(key) >> 40) % PLACE_SETS;
}

/* Where the place of that key is kept, or NULL. */
static inline struct place_set *set_of(struct known *known, enum table table, uint64_t key)
{
    if (known == NULL)
        return NULL;
    return table == TABLE_AUTH        ? &known->auth[index_of(key)]
           : table == TABLE_RESELLERS ? &known->resellers[index_of(key)]
                                      : NULL;
}

/* The key's own; NULL: it was not told. */
static inline struct place_word *find_place(struct place_set *places, uint64_t whose)
{
    for (unsigned i = 0; i < PLACES_IN_SET; i++) {
        if (look(&places->place[i].whose) == whose)
            return &places->place[i];
    }
    return NULL;
}

void known_bring_place(const struct reader *reader, enum table table, uint64_t key)
{
    const struct place_set *places = set_of(reader->known, table, key);
    if (places != NULL)
        bring_line(places);
}

bool known_place(const struct snapshot *snapshot, enum table table, uint64_t key,
                 uint64_t *ret_page, uint32_t *ret_node)
{
    const uint64_t nonce = snapshot->state.nonce;
    struct place_set *places = set_of(snapshot->reader->known, table, key);
    const struct place_word *place =
        places != NULL ? find_place(places, spread(key) ^ nonce) : NULL;
    if (place == NULL)
        return false;
    READER_STEP();
    const uint64_t where = look(&place->where) ^ nonce;
    *ret_page = where >> NODE_BITS;
    *ret_node = (uint32_t)(where & ((UINT64_C(1) << NODE_BITS) - 1));
    return *ret_node != 0;
}

static void keep_place(struct place_word *place, uint64_t whose, uint64_t where)
{
    set(&place->whose, whose);
    READER_STEP();
    set(&place->where, where);
}

/* A new one comes first, and what was told longest ago goes. */
void known_tell(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                uint64_t page, uint32_t node)
{
    const uint64_t whose = spread(key) ^ nonce, where = (page << NODE_BITS | node) ^ nonce;
    struct place_set *places = set_of(reader->known, table, key);
    if (places == NULL)
        return;
    struct place_word *place = find_place(places, whose);
    if (place == NULL) {
        for (unsigned i = PLACES_IN_SET - 1; i > 0; i--)
            keep_place(&places->place[i], look(&places->place[i - 1].whose),
                       look(&places->place[i - 1].where));
        place = &places->place[0];
    }
    keep_place(place, whose, where);
}
