/* SPDX-License-Identifier: ISC */
/* Reads and decodes records within a transaction, and cross-checks them against the records that
   refer to them. */
#ifndef ESPT_STORE_LOAD_H
#define ESPT_STORE_LOAD_H

#include "store/db/db.h"

/* A token with the fields that are never shown. */
struct token_full {
    struct token token;
    uint32_t entity; /* number */
    uint8_t digest[TOKEN_DIGEST_LEN];
    uint8_t sealed[SEALED_TEXT_LEN];
    uint32_t key; /* id of the key that `sealed` was sealed to; 0: unknown */
};

/* 1: found; 0: not found; negative: the transaction has failed. */
int load_entity_number(struct txn *txn, uint32_t number, struct entity *ret_entity);
int load_entity_name(struct txn *txn, const char *name, struct entity *ret_entity);
int load_token_id(struct txn *txn, uint64_t id, struct token_full *ret_token);

/* As load_entity_name(), for a name that a record holds: if there is no such entity, the store is
   damaged. */
int find_entity(struct txn *txn, const char *name, struct entity *ret_entity);

/* Finds the id of the entity's token of that name. Returns as load_*. */
int load_token_named(struct txn *txn, uint32_t entity, const char *name, uint64_t *ret_id);

/* Walk over one entity's tokens in order of name, and over a reseller's customers. */
void walk_tokens(struct walk *ret_walk, struct txn *txn, uint32_t entity);
bool walk_next_token(struct walk *walk, struct token_full *ret_token);
void walk_customers(struct walk *ret_walk, struct txn *txn, uint32_t reseller);
bool walk_next_customer(struct walk *walk, struct entity *ret_entity);

/* A count, and the names of the first few, for a message. */
#define NAMES_SHOWN 3
struct name_list {
    uint64_t count;
    char names[NAMES_SHOWN * (ENTITY_NAME_MAX + TOKEN_NAME_MAX + 3) + 8];
};
/* `token` NULL: adds the entity itself. */
void name_list_add(struct name_list *few, const char *entity, const char *token);

/* Copies a name that is known to fit. */
void name_copy(char *out, size_t size, const char *name);
/* Copies any bytes, cut to fit. If they are not text, `?` replaces what is not printable ASCII. */
void text_copy(char *out, size_t size, const char *text);

#endif
