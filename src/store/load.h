/* Records within a transaction: found, decoded, and held against each other. */
#ifndef ESPT_STORE_LOAD_H
#define ESPT_STORE_LOAD_H

#include "store/db.h"

/* A token with what people never see. */
struct token_full {
    struct token token;
    uint32_t entity; /* number */
    uint8_t digest[TOKEN_DIGEST_LEN];
    uint8_t sealed[SEALED_TEXT_LEN];
};

/* 1 found, 0 not, negative: the transaction has failed. */
int load_entity_number(struct txn *txn, uint32_t number, struct entity *ret_entity);
int load_entity_name(struct txn *txn, const char *name, struct entity *ret_entity);
int load_token_id(struct txn *txn, uint64_t id, struct token_full *ret_token);

/* As load_entity_name(), for a name that a record holds: it is damaged if there is none. */
int find_entity(struct txn *txn, const char *name, struct entity *ret_entity);

/* As above, for what a person named: the transaction fails (ESPT_MISSING) if there is none, or none
   that may be seen (store/rights.h). */
int need_entity(struct txn *txn, const char *name, struct entity *ret_entity);
int need_token(struct txn *txn, const struct token_ref *ref, struct token_full *ret_token);
int no_entity(struct txn *txn);

/* Is there a token of that name? As load_*. */
int load_token_named(struct txn *txn, uint32_t entity, const char *name, uint64_t *ret_id);

/* Walks over one entity's tokens in order of name, and over a reseller's customers. */
void walk_tokens(struct walk *ret_walk, struct txn *txn, uint32_t entity);
bool walk_next_token(struct walk *walk, struct token_full *ret_token);
void walk_customers(struct walk *ret_walk, struct txn *txn, uint32_t reseller);
bool walk_next_customer(struct walk *walk, struct entity *ret_entity);

/* A copy of a name that is known to fit. */
void name_copy(char *out, size_t size, const char *name);

#endif
