/*
 * The two sides of the quick proof (prove.h). They run at the same time, each in a transaction of
 * its own of the same snapshot. One begins with the entities, whose facts both go by, the other
 * with what can be read without those; then both take piece after piece of the tokens.
 */
#ifndef ESPT_STORE_PROOF_H
#define ESPT_STORE_PROOF_H

#include "store/prove.h"

#include <semaphore.h>
#include <sodium.h>

struct sum {
    uint64_t a, b;
};

/* The tokens, cut by their ids: a piece goes from one id to before the next. */
#define PIECES_MAX 256
struct pieces {
    uint64_t from[PIECES_MAX];
    size_t count;
    _Atomic size_t next; /* that nobody has taken */
};

struct proof {
    struct check *check;
    const struct tier_table *tiers;
    struct facts *facts;
    struct pieces *pieces;
    sem_t *entities_read; /* and pieces cut */
    uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
    bool whole;
    struct auth_record last; /* whose entity's facts were found right; `entity` 0: none yet */
    /* of what must lead to a record in each index, and of what is there */
    struct sum records[TABLE_COUNT], indexes[TABLE_COUNT];
};

/* Order does not matter to a sum, and what is there twice does not vanish. A key, and what it leads
   to: */
void proof_add(const struct proof *proof, struct sum *sum, const struct record_key *key,
               uint64_t value);
struct fact *proof_fact(const struct proof *proof, uint64_t number);
/* All that auth repeats of an entity, as a hash. */
uint64_t proof_print(const struct proof *proof, enum entity_kind kind, bool active,
                     uint32_t reseller, const char *name, const char *tier);
/* Something is wrong. */
void proof_doubt(struct proof *proof);
/* The walk's next record, as long as nothing is wrong. */
bool proof_next(const struct proof *proof, struct walk *walk);

/* The log, whose fault is told apart; the indexes that are held against records alone; and those
   that are counted for an entity as well. */
bool proof_log(struct check *check);
void proof_indexes(struct proof *proof);
void proof_counted_indexes(struct proof *proof);

/* Once the entities' facts are there. */
void proof_cut_tokens(struct proof *proof);
/* Piece after piece, until none is left. */
void proof_tokens(struct proof *proof);

#endif
