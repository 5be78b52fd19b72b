/*
 * The bytes of the store: the one thing that both wings know. ARCHITECTURE.md draws the tables.
 *
 * MUST 1: every value is sealed: version byte first, CRC-32C over table, key and value last. A
 * value that does not open is corrupt, whatever else it says. MUST 2: integers are little endian;
 * values land on odd addresses, so they are read by memcpy. MUST 3: decoders check every length
 * against the value's own and every name for its form.
 *
 * Keys: auth, tokens by id, entities and resellers by number are 8-byte integers (MDB_INTEGERKEY);
 * names by the name's bytes; by_entity by number (4 bytes, big endian) and token name, or, for a
 * retiring token, whose name means its successor, by number, a zero byte and id (8 bytes, big
 * endian); customers by two numbers (4 bytes each, big endian: reseller, customer); foreign by
 * SHA-256; usage by token id, folded by a usage file's identity, log by sequence number.
 */
#ifndef ESPT_COMMON_RECORD_H
#define ESPT_COMMON_RECORD_H

#include "name.h"
#include "token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_SCHEMA 2
#define RECORD_MAX 320 /* bytes; no value but the log's is longer */
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
    TABLE_FOREIGN,   /* SHA-256 of a foreign token's text -> id */
    TABLE_USAGE,     /* id -> uses and last use, of processes that have ended */
    TABLE_FOLDED,    /* usage files that were added to TABLE_USAGE and may still lie there */
    TABLE_LOG,       /* sequence number -> audit entry */
    TABLE_COUNT
};
const char *table_name(enum table table);
bool table_has_integer_key(enum table table);

enum entity_kind { KIND_RESELLER = 1, KIND_CUSTOMER = 2 };

/* Every write transaction puts its own id here; readers require it to equal their meta page's. */
struct state_record {
    uint64_t transaction;
    uint64_t revision;
    uint64_t nonce;       /* drawn for each transaction: ids are used again after a failed commit */
    uint32_t next_number; /* of the next entity; numbers are never used again */
    bool closed;          /* this file is no longer the store: open the path anew */
    bool foreign;         /* TABLE_FOREIGN has entries */
};

#define STATE_NONCE_AT 19 /* where in its value the nonce lies */

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
    bool retiring;   /* its name means its successor */
    bool foreign;    /* another system's: it is found by its digest */
    bool has_text;   /* else its text was never here, and `sealed` is zero */
    uint32_t entity; /* number */
    int64_t created; /* Unix seconds */
    char name[TOKEN_NAME_MAX + 1];
    uint8_t sealed[SEALED_TEXT_LEN];
};

struct usage_record {
    uint64_t uses;
    int64_t last_used; /* Unix seconds */
};

struct record_key {
    size_t len;
    uint8_t bytes[RECORD_KEY_MAX];
};
struct record_key key_integer(uint64_t value);
struct record_key key_name(const char *name, size_t len);
struct record_key key_by_entity(uint32_t entity, const char *token_name, size_t len);
/* Where a token stands in by_entity: under its name, or under its id while it is retiring. */
struct record_key key_indexed(uint32_t entity, const char *name, bool retiring, uint64_t id);
struct record_key key_digest(const uint8_t digest[static TOKEN_DIGEST_LEN]);
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
size_t usage_encode(const struct record_key *key, const struct usage_record *in, uint8_t *out);
/* by_entity, foreign */
size_t id_encode(enum table table, const struct record_key *key, uint64_t id, uint8_t *out);
/* customers, folded */
size_t empty_encode(enum table table, const struct record_key *key, uint8_t *out);

/* Does the value bear the checksum of its table and key? */
bool record_sealed(enum table table, const struct record_key *key, const void *value, size_t len);

/* Decoders take any bytes; false: not whole (ret is then undefined). */
enum state_verdict { STATE_DAMAGED, STATE_GOOD, STATE_NEWER, STATE_OLDER };
enum state_verdict state_decode(const void *value, size_t len, struct state_record *ret);
/* The schema of a state record that is STATE_OLDER. */
unsigned state_schema(const void *value, size_t len);
bool auth_decode(const struct record_key *key, const void *value, size_t len,
                 struct auth_record *ret);
/* The reseller in a value of auth that is not decoded yet, whose record may be asked for meanwhile;
   0: none, or the value is too short. */
uint32_t auth_peek_reseller(const void *value, size_t len);
bool entity_decode(const struct record_key *key, const void *value, size_t len,
                   struct entity_record *ret);
bool reseller_decode(const struct record_key *key, const void *value, size_t len,
                     struct reseller_record *ret);
bool number_decode(const struct record_key *key, const void *value, size_t len, uint32_t *ret);
bool token_decode(const struct record_key *key, const void *value, size_t len,
                  struct token_record *ret);
bool usage_decode(const struct record_key *key, const void *value, size_t len,
                  struct usage_record *ret);
bool id_decode(enum table table, const struct record_key *key, const void *value, size_t len,
               uint64_t *ret);
bool empty_decode(enum table table, const struct record_key *key, const void *value, size_t len);

#endif
