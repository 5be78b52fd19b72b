/* SPDX-License-Identifier: ISC */
/*
 * The format of the store's records. Only this file and record_bytes.h are shared by the writing
 * half and the reading half. ARCHITECTURE.md lists the tables, docs/store-format.md every byte.
 *
 * MUST 1: every value begins with a version byte and ends with a CRC-32C over table, key and value.
 *         A value whose checksum or version is wrong is corrupt, whatever else it contains.
 * MUST 2: integers are little endian. Values may be at odd addresses, so read them with memcpy.
 * MUST 3: decoders check every length against the value's length, and the form of every name.
 * MUST 4: the state record keeps version byte 2, and its schema keeps its offset, in every future
 *         schema. So an older program can distinguish a newer store from a damaged one.
 *
 * Keys:
 * - auth, tokens, usage, notices: the token's id; entities, resellers: a number; folded: a hash of
 *   a usage file's owner and identity; log: a sequence number. All are 8-byte integers
 *   (MDB_INTEGERKEY).
 * - names: the bytes of the name.
 * - by_entity: the entity's number (4 bytes, big endian) and the token's name. A retiring token has
 *   lost its name to its successor; its key is the number, a zero byte and the id (8 bytes, big
 *   endian).
 * - customers: the numbers of reseller and customer (4 bytes each, big endian).
 * - foreign: the SHA-256 of the token's text.
 */
#ifndef ESPT_COMMON_RECORD_H
#define ESPT_COMMON_RECORD_H

#include "name.h"
#include "token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_SCHEMA 3
#define STORE_SCHEMA_READ 2 /* the oldest schema that validators read */
#define RECORD_MAX 448      /* bytes; only values of the log are longer */
#define RECORD_KEY_MAX 128
#define SEALED_TEXT_LEN (TOKEN_TEXT_LEN + 48) /* crypto_box_SEALBYTES */

/* TABLE_STATE is a plain record of the main database, with the key "state". The others are named
   databases. */
enum table {
    TABLE_STATE,
    TABLE_AUTH,      /* token id -> all that a validator needs, except the reseller's status */
    TABLE_ENTITIES,  /* number -> the entity */
    TABLE_RESELLERS, /* number -> name and status; suspending a reseller writes one record */
    TABLE_NAMES,     /* entity name -> number */
    TABLE_TOKENS,    /* token id -> name and sealed text; validators never read it */
    TABLE_BY_ENTITY, /* entity number and token name -> token id */
    TABLE_CUSTOMERS, /* numbers of reseller and customer -> nothing */
    TABLE_FOREIGN,   /* SHA-256 of a foreign token's text -> token id */
    TABLE_USAGE,     /* token id -> uses and last use, from processes that have ended */
    TABLE_FOLDED,    /* usage files whose counts are, in whole or part, in TABLE_USAGE */
    TABLE_NOTICES,   /* token id -> the last notice of its expiration that was sent */
    TABLE_LOG,       /* sequence number -> audit entry */
    TABLE_COUNT
};
const char *table_name(enum table table);
bool table_has_integer_key(enum table table);

enum entity_kind { KIND_RESELLER = 1, KIND_CUSTOMER = 2 };

/* The level that switched a token or an entity off, lowest first (specification §5.9). Only that
   level or a higher one may switch it on again. OFF_NOBODY: it is active. */
enum off_by { OFF_NOBODY, OFF_ENTITY, OFF_RESELLER, OFF_PLATFORM };

/* Where a store of a fleet stands in the fleet's journal (src/fleet). */
#define FLEET_ID_LEN 16
#define FLEET_HASH_LEN 32
struct fleet_position {
    uint8_t id[FLEET_ID_LEN];     /* of the fleet */
    uint64_t number;              /* of the last entry that this store has */
    uint8_t hash[FLEET_HASH_LEN]; /* of that entry; zeroes: the fleet has no entry yet */
    uint8_t sum[FLEET_HASH_LEN]; /* over all records that a fleet shares; an edge cannot prove it */
    uint8_t edge_sum[FLEET_HASH_LEN]; /* over the records that edges have */
    uint64_t sites;                   /* number of the last entry that changed the list of sites */
    uint32_t reveal;                  /* key_id() of the fleet's reveal key; 0: not known */
    uint8_t tiers[FLEET_HASH_LEN];    /* of the fleet's tier table; zeroes: none was published */
    uint64_t head;                    /* the highest entry that a signed head has named */
    int64_t fresh; /* the greatest signed time for which this state is known to be the newest */
};

/* Every write transaction writes its own id here. Readers require that it equals the id in the meta
   page. */
struct state_record {
    uint64_t transaction;
    uint64_t revision;
    uint64_t nonce;       /* random, for each transaction: LMDB reuses ids after a failed commit */
    uint32_t next_number; /* of the next entity; numbers are never used again */
    bool closed;          /* this file is no longer the store: open the path again */
    bool foreign;         /* TABLE_FOREIGN has entries */
    uint8_t schema;       /* of the record read: STORE_SCHEMA_READ to STORE_SCHEMA */
    bool fleet;           /* the store belongs to a fleet: it changes by the journal alone */
    bool edge;            /* it is an edge's: it holds only what validators need */
    struct fleet_position position; /* valid if `fleet`; else `fresh` is 0 */
};

/* Offsets of revision and nonce in the state's value, which is longer than STATE_ID_END. */
#define STATE_REVISION_AT 11
#define STATE_NONCE_AT 19
#define STATE_ID_END 27

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
    uint32_t tokens;   /* number of its tokens */
    uint32_t customers;
    int64_t created; /* Unix seconds */
    enum off_by off_by;
    char name[ENTITY_NAME_MAX + 1];
    char tier[TIER_NAME_MAX + 1];
    char contact[NOTE_MAX + 1];
};

struct reseller_record {
    bool active;
    char name[ENTITY_NAME_MAX + 1];
};

struct token_record {
    bool retiring;   /* rotated; its successor has the name */
    bool foreign;    /* a token of another system, found by its digest */
    bool has_text;   /* false: the store never had its text, and `sealed` is zero */
    uint32_t entity; /* number */
    int64_t created; /* Unix seconds */
    /* OFF_NOBODY, although table auth says inactive: written by schema 2, which had no levels */
    enum off_by off_by;
    char name[TOKEN_NAME_MAX + 1];
    char note[NOTE_MAX + 1];
    uint32_t key; /* key_id() of the reveal key of `sealed`; 0: not known */
    uint8_t sealed[SEALED_TEXT_LEN];
};

/* The level that switched a token off. `active` is from table auth. A token that schema 2 left
   inactive counts as switched off by the platform. */
static inline enum off_by token_off_by(const struct token_record *token, bool active)
{
    if (active)
        return OFF_NOBODY;
    return token->off_by != OFF_NOBODY ? token->off_by : OFF_PLATFORM;
}

struct usage_record {
    uint64_t uses;
    int64_t last_used; /* Unix seconds */
};

/* The last notice that was sent about a token's expiration (store/notices.c). */
struct notice_record {
    int64_t expires; /* the expiration that it announced; a notice of another one does not count */
    uint32_t stage;  /* seconds before it; 0: the token had expired */
};

struct record_key {
    size_t len;
    uint8_t bytes[RECORD_KEY_MAX];
};
struct record_key key_integer(uint64_t value);
struct record_key key_name(const char *name, size_t len);
struct record_key key_by_entity(uint32_t entity, const char *token_name, size_t len);
/* The token's key in by_entity: with its name, or with its id while it is retiring. */
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
size_t notice_encode(const struct record_key *key, const struct notice_record *in, uint8_t *out);
/* by_entity, foreign */
size_t id_encode(enum table table, const struct record_key *key, uint64_t id, uint8_t *out);
/* folded: the counts of the buckets before number `next` are in the totals. FOLDED_WHOLE: those of
   all buckets. */
#define FOLDED_WHOLE UINT32_MAX
size_t folded_encode(const struct record_key *key, uint32_t next, uint8_t *out);
/* customers */
size_t empty_encode(enum table table, const struct record_key *key, uint8_t *out);

/* Whether the value has the right checksum for its table and key. */
bool record_sealed(enum table table, const struct record_key *key, const void *value, size_t len);

/* Decoders accept any bytes. They decode records of this schema and of schema 2, and fill the
   fields that schema 2 lacks. False: damaged; then *ret is undefined. */
enum state_verdict { STATE_DAMAGED, STATE_GOOD, STATE_NEWER, STATE_OLDER };
enum state_verdict state_decode(const void *value, size_t len, struct state_record *ret);
/* The schema of a state record that does not decode. STORE_SCHEMA: it is unknown. */
unsigned state_schema(const void *value, size_t len);
bool auth_decode(const struct record_key *key, const void *value, size_t len,
                 struct auth_record *ret);
/* The reseller's number in a value of auth that is not decoded yet, so that the caller can prefetch
   the reseller's record. 0: none, or the value is too short. */
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
bool notice_decode(const struct record_key *key, const void *value, size_t len,
                   struct notice_record *ret);
bool id_decode(enum table table, const struct record_key *key, const void *value, size_t len,
               uint64_t *ret);
bool folded_decode(const struct record_key *key, const void *value, size_t len, uint32_t *ret_next);
bool empty_decode(enum table table, const struct record_key *key, const void *value, size_t len);

#endif
