/*
 * The two sides of the quick proof (prove.h). They run at the same time, each in a transaction of
 * its own of the same snapshot, and share the entities' facts: each writes fields of its own there.
 */
#ifndef ESPT_STORE_PROOF_H
#define ESPT_STORE_PROOF_H

#include "store/prove.h"

#include <sodium.h>

struct sum {
    uint64_t a, b;
};

/* One side of it: what the records say, or what leads to them. */
struct proof {
    struct check *check;
    const struct tier_table *tiers;
    struct facts *facts;
    uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
    bool whole;
    struct auth_record last; /* whose entity's facts were found right; `entity` 0: none yet */
    struct sum names, resellers, customers, by_entity, foreign;
};

/* Order does not matter to a sum, and what is there twice does not vanish. A key, and what it leads
   to: */
void proof_add(const struct proof *proof, struct sum *sum, const struct record_key *key,
               uint64_t value);
struct fact *proof_fact(const struct proof *proof, uint64_t number);
/* Something is wrong. */
void proof_doubt(struct proof *proof);
/* The walk's next record, as long as nothing is wrong. */
bool proof_next(const struct proof *proof, struct walk *walk);

/* All that leads to entities and tokens, and the log, whose fault is told apart. */
void proof_indexes(struct proof *proof);
bool proof_log(struct check *check);

#endif
