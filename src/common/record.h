/*
 * The bytes of the store: the one thing that both wings know. ARCHITECTURE.md draws the tables.
 *
 * MUST 1: every value is sealed: version byte first, CRC-32 over table, key and value last. A value
 *         that does not open is corrupt, whatever else it says.
 * MUST 2: integers are little endian; values land on odd addresses, so they are read by memcpy.
 * MUST 3: decoders check every length against the value's own and every name for its form.
 *
 * Keys: auth, tokens by id, entities and resellers by number are 8-byte integers (MDB_INTEGERKEY);
 * names by the name's bytes; by_entity by number (4 bytes, big endian) and token name; customers by
 * two numbers (4 bytes each, big endian: reseller, customer).
 */
#ifndef ESPT_COMMON_RECORD_H
#define ESPT_COMMON_RECORD_H

#include "name.h"
#include "token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_SCHEMA 1
#define RECORD_MAX 320 /* bytes; no value is longer */
#define RECORD_KEY_MAX 128
#define SEALED_TEXT_LEN (TOKEN_TEXT_LEN + 48) /* crypto_box_SEALBYTES */

/* In the order of their letters in the checksum. TABLE_STATE is a plain record of the main
   database, under the key "state"; the others are named databases. */
enum table {
    TABLE_STATE,
    TABLE_AUTH,      /* what validators judge by: one record answers for a customer's token */
    TABLE_ENTITIES,  /* number -> the entity */
    TABLE_RESELLERS, /* number -> name and status alone: small, so that suspending one is one write
                      */
    TABLE_NAMES,     /* entity name -> number */
    TABLE_TOKENS,    /* id -> name and sealed text: never read by validators */
    TABLE_BY_ENTITY, /* entity number and token name -> id */
    TABLE_CUSTOMERS, /* reseller's and customer's number -> nothing */
    TABLE_COUNT
};
const char *table_name(enum table table);
bool table_has_integer_key(enum table table);

enum entity_kind { KIND_RESELLER = 1, KIND_CUSTOMER = 2 };

/* Every write transaction puts its own id here; readers require it to equal their meta page's. */
struct state_record {
    uint64_t transaction;
    uint64_t revision;
    uint32_t next_number; /* of the next entity; numbers are never used again */
    bool closed;          /* this file is no longer the store: open the path anew */
};

struct auth_record {
    bool active;
    bool entity_active;
    enum entity_kind kind;
    uint32_t entity;   /* number */
    uint32_t reseller; /* number; 0: none */
    int64_t expires;   /* Unix seconds; 0: never */
    uint8_t digest[TOKEN_DIGEST_LEN];
    char entity_name[ENTITY_NAME_MAX + 1];
    char tier[TIER_NAME_MAX + 1];
};

struct entity_record {
    enum entity_kind kind;
    bool active;
    uint32_t reseller; /* number; 0: none */
    uint32_t tokens;   /* how many it has */
    uint32_t customers;
    int64_t created; /* Unix seconds */
    char name[ENTITY_NAME_MAX + 1];
    char tier[TIER_NAME_MAX + 1];
};

struct reseller_record {
    bool active;
    char name[ENTITY_NAME_MAX + 1];
};

struct token_record {
    uint32_t entity; /* number */
    int64_t created; /* Unix seconds */
    char name[TOKEN_NAME_MAX + 1];
    uint8_t sealed[SEALED_TEXT_LEN];
};

struct record_key {
    size_t len;
    uint8_t bytes[RECORD_KEY_MAX];
};
struct record_key key_integer(uint64_t value);
struct record_key key_name(const char *name, size_t len);
struct record_key key_by_entity(uint32_t entity, const char *token_name, size_t len);
struct record_key key_pair(uint32_t reseller, uint32_t customer);
struct record_key key_state(void);

/* Encoders return the value's length; `out` has RECORD_MAX bytes. */
size_t state_encode(const struct state_record *in, uint8_t *out);
size_t auth_encode(const struct record_key *key, const struct auth_record *in, uint8_t *out);
size_t entity_encode(const struct record_key *key, const struct entity_record *in, uint8_t *out);
size_t reseller_encode(const struct record_key *key, const struct reseller_record *in,
                       uint8_t *out);
size_t number_encode(const struct record_key *key, uint32_t number, uint8_t *out); /* names */
size_t token_encode(const struct record_key *key, const struct token_record *in, uint8_t *out);
size_t id_encode(const struct record_key *key, uint64_t id, uint8_t *out); /* by_entity */
size_t empty_encode(const struct record_key *key, uint8_t *out);           /* customers */

/* Decoders take any bytes; false: not whole (ret is then undefined). state_decode says -1 for a
   newer schema, 0 for damage, 1 for good. */
int state_decode(const void *value, size_t len, struct state_record *ret);
bool auth_decode(const struct record_key *key, const void *value, size_t len,
                 struct auth_record *ret);
bool entity_decode(const struct record_key *key, const void *value, size_t len,
                   struct entity_record *ret);
bool reseller_decode(const struct record_key *key, const void *value, size_t len,
                     struct reseller_record *ret);
bool number_decode(const struct record_key *key, const void *value, size_t len, uint32_t *ret);
bool token_decode(const struct record_key *key, const void *value, size_t len,
                  struct token_record *ret);
bool id_decode(const struct record_key *key, const void *value, size_t len, uint64_t *ret);
bool empty_decode(const struct record_key *key, const void *value, size_t len);

#endif
