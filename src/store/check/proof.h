/* SPDX-License-Identifier: ISC */
/*
 * The two sides of the quick proof (prove.h), which run in parallel. One begins with the entities,
 * whose facts both need. The other begins with what can be read without those facts. Then both take
 * pieces of the tokens until none is left.
 */
#ifndef ESPT_STORE_CHECK_PROOF_H
#define ESPT_STORE_CHECK_PROOF_H

#include "store/check/prove.h"
#include "store/db/leaves.h"

#include <semaphore.h>
#include <sodium.h>

struct sum {
    uint64_t a, b;
};

/* The tokens, cut by their ids: a piece has the ids from its own `from` up to the next piece's. */
#define PIECES_MAX 256
struct pieces {
    uint64_t from[PIECES_MAX];
    size_t count;
    _Atomic size_t next; /* the next piece to take */
};

struct proof {
    struct check *check;
    const struct tier_table *tiers;
    struct facts *facts;
    struct pieces *pieces;
    sem_t *entities_read; /* posted when the entities are read and the pieces are cut */
    uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
    bool whole;
    struct auth_record last; /* the last one that agreed with its entity; `entity` 0: none yet */
    /* sums of the entries that each index must have, and of those that it has */
    struct sum records[TABLE_COUNT], indexes[TABLE_COUNT];
    uint64_t read[TABLE_COUNT]; /* number of records read */
    /* sums of each token's status and expiration: as the changes in the log give them, and as auth
       has them */
    struct sum logged, found;
    bool older_than_log; /* a store upgraded from schema 1, whose tokens are older than its log */
};

/* Adds a key, and the value to which it leads, to a sum. The order does not matter, and duplicates
   do not cancel out. */
void proof_add(const struct proof *proof, struct sum *sum, const struct record_key *key,
               uint64_t value);
/* Adds a token with that status and expiration to a sum. `sign` -1: removes it. */
void proof_status(const struct proof *proof, struct sum *sum, uint64_t id, bool active,
                  int64_t expires, int sign);
struct fact *proof_fact(const struct proof *proof, uint64_t number);
/* A hash of all facts that auth repeats of an entity. */
uint64_t proof_print(const struct proof *proof, enum entity_kind kind, bool active,
                     uint32_t reseller, const char *name, const char *tier);
/* Notes that something is wrong. */
void proof_fail(struct proof *proof);
/* Moves to the next record of the walk. False: there is none, or something is wrong. */
bool proof_next(struct proof *proof, struct leaves *walk);

/* The log, whose result is returned separately; the indexes that are compared with records alone;
   and those that are also counted for each entity. */
bool proof_log(struct proof *proof);
void proof_indexes(struct proof *proof);
void proof_counted_indexes(struct proof *proof);

/* Cuts the tokens into pieces. Call it when the entities' facts are known. */
void proof_cut_tokens(struct proof *proof);
/* Takes pieces of the tokens until none is left. */
void proof_tokens(struct proof *proof);

#endif
