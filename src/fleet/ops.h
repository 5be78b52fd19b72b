/* SPDX-License-Identifier: ISC */
/*
 * The operations of an entry's edge and vault parts: what they make of the records.
 *
 * A part is a sequence of operations in a strict order, so that one change has one encoding:
 * changes of the list of sites by name, then facts by entity, then puts and deletes by table and
 * key. A key occurs once among the puts and deletes.
 *
 * MUST 1: ops_next() accepts any bytes. It yields only records that their decoders accept, of
 *         tables that belong to the part, in order.
 */
#ifndef ESPT_FLEET_OPS_H
#define ESPT_FLEET_OPS_H

#include "fleet/entry.h"

enum op_kind { OP_PUT = 1, OP_DELETE, OP_FACTS, OP_SITE_ADD, OP_SITE_REMOVE };

/* What auth repeats of an entity. */
struct entity_facts {
    uint32_t entity; /* number */
    uint32_t reseller;
    enum entity_kind kind;
    bool active;
    char name[ENTITY_NAME_MAX + 1];
    char tier[TIER_NAME_MAX + 1];
};
void facts_of(const struct auth_record *auth, struct entity_facts *ret);
bool facts_equal(const struct entity_facts *a, const struct entity_facts *b);
void facts_set(struct auth_record *auth, const struct entity_facts *facts);

struct op {
    enum op_kind kind;
    enum table table; /* PUT, DELETE */
    struct record_key key;
    const uint8_t *value; /* PUT */
    size_t len;
    struct entity_facts facts; /* FACTS: the records of these ids take these facts */
    const uint8_t *ids;        /* u64, little endian, rising */
    size_t count;
    char site[SITE_NAME_MAX + 1]; /* SITE_ADD, SITE_REMOVE */
    uint8_t site_key[SITE_KEY_LEN];
};
/* Id number `index` of an OP_FACTS. */
uint64_t op_id(const struct op *op, size_t index);

/* --- writing; the caller adds operations in order --- */
struct ops {
    uint8_t *bytes; /* owned */
    size_t len, room;
    bool failed; /* out of memory, or longer than an entry may be */
};
void ops_put(struct ops *ops, enum table table, const struct record_key *key, const void *value,
             size_t len);
void ops_delete(struct ops *ops, enum table table, const struct record_key *key);
void ops_facts(struct ops *ops, const struct entity_facts *facts, const uint64_t *ids,
               size_t count);
void ops_site(struct ops *ops, const char *name, const uint8_t *key); /* NULL: removed */
void ops_clear(struct ops *ops);

/* --- reading --- */
struct ops_reader {
    enum entry_part part;
    const uint8_t *at;
    size_t left;
    struct op last; /* the operation before, for the order; kind 0: none */
    bool wrong;     /* a fault was found: nothing of the entry may be used */
};
void ops_begin(struct ops_reader *ret, enum entry_part part, const struct entry_bytes *bytes);
/* False: the end, or a fault. `ret` refers to the bytes. */
bool ops_next(struct ops_reader *reader, struct op *ret);

/* Whether key and value have the form of their table; in the edge part, entities are stripped. */
bool op_record_ok(enum entry_part part, const struct op *op);
/* Whether the table belongs to the part; entities belong to both. */
bool part_has(enum entry_part part, enum table table);
/* The order of keys in a table. */
int key_compare(enum table table, const struct record_key *a, const struct record_key *b);
/* The order of tables in a part. */
int table_order(enum table table);
/* An entity's record without what edges do not need: its counts, creation and contact. Returns the
   length; 0: not an entity's record. `out` has RECORD_MAX bytes. */
size_t entity_strip(const struct record_key *key, const void *value, size_t len, uint8_t *out);

#endif
