#include "store/load.h"

#include "store/rights.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

void name_copy(char *out, size_t size, const char *name)
{
    size_t len = strnlen(name, size - 1);
    memmove(out, name, len);
    out[len] = '\0';
}

static int damaged_number(struct txn *txn, enum table table, uint32_t number)
{
    char subject[32];
    snprintf(subject, sizeof subject, "entity %u", number);
    return txn_damaged(txn, table, subject);
}

int load_entity_number(struct txn *txn, uint32_t number, struct entity *ret_entity)
{
    struct record_key key = key_integer(number);
    MDB_val value;
    int found = txn_get(txn, TABLE_ENTITIES, &key, &value);
    if (found <= 0)
        return found;
    struct entity_record record;
    if (!entity_decode(&key, value.mv_data, value.mv_size, &record))
        return damaged_number(txn, TABLE_ENTITIES, number);
    struct entity entity = {
        .number = number,
        .kind = record.kind,
        .active = record.active,
        .tokens = record.tokens,
        .customers = record.customers,
        .created = record.created,
    };
    name_copy(entity.name, sizeof entity.name, record.name);
    name_copy(entity.tier, sizeof entity.tier, record.tier);
    if (record.reseller != 0) {
        struct record_key reseller_key = key_integer(record.reseller);
        struct reseller_record reseller;
        found = txn_get(txn, TABLE_RESELLERS, &reseller_key, &value);
        if (found < 0)
            return found;
        if (found == 0 || !reseller_decode(&reseller_key, value.mv_data, value.mv_size, &reseller))
            return damaged_number(txn, TABLE_RESELLERS, record.reseller);
        name_copy(entity.reseller, sizeof entity.reseller, reseller.name);
    }
    *ret_entity = entity;
    return 1;
}

int load_entity_name(struct txn *txn, const char *name, struct entity *ret_entity)
{
    size_t len = strlen(name);
    if (!entity_name_ok(name, len))
        return txn->code;
    struct record_key key = key_name(name, len);
    MDB_val value;
    int found = txn_get(txn, TABLE_NAMES, &key, &value);
    if (found <= 0)
        return found;
    uint32_t number;
    if (!number_decode(&key, value.mv_data, value.mv_size, &number))
        return txn_damaged(txn, TABLE_NAMES, name);
    found = load_entity_number(txn, number, ret_entity);
    if (found == 0 || (found > 0 && strcmp(ret_entity->name, name) != 0))
        return txn_damaged(txn, TABLE_ENTITIES, name);
    return found;
}

int load_token_id(struct txn *txn, uint64_t id, struct token_full *ret_token)
{
    struct record_key key = key_integer(id);
    char subject[TOKEN_ID_LEN + 1];
    token_id_format(id, subject);
    MDB_val value;
    int found = txn_get(txn, TABLE_TOKENS, &key, &value);
    if (found <= 0)
        return found;
    struct token_record record;
    if (!token_decode(&key, value.mv_data, value.mv_size, &record))
        return txn_damaged(txn, TABLE_TOKENS, subject);
    struct auth_record auth;
    found = txn_get(txn, TABLE_AUTH, &key, &value);
    if (found < 0)
        return found;
    if (found == 0 || !auth_decode(&key, value.mv_data, value.mv_size, &auth) ||
        auth.entity != record.entity)
        return txn_damaged(txn, TABLE_AUTH, subject);
    struct token_full token = {
        .token = {.id = id,
                  .active = auth.active,
                  .retiring = record.retiring,
                  .foreign = record.foreign,
                  .has_text = record.has_text,
                  .created = record.created,
                  .expires = auth.expires},
        .entity = record.entity,
    };
    name_copy(token.token.name, sizeof token.token.name, record.name);
    name_copy(token.token.entity, sizeof token.token.entity, auth.entity_name);
    memcpy(token.digest, auth.digest, sizeof token.digest);
    memcpy(token.sealed, record.sealed, sizeof token.sealed);
    *ret_token = token;
    return 1;
}

int find_entity(struct txn *txn, const char *name, struct entity *ret_entity)
{
    int found = load_entity_name(txn, name, ret_entity);
    return found != 0 ? found : txn_damaged(txn, TABLE_NAMES, name);
}

int no_entity(struct txn *txn)
{
    return txn_fail(txn, ESPT_MISSING,
                    "there is no such entity; see them by esp-tokenctl entity list");
}

int need_entity(struct txn *txn, const char *name, struct entity *ret_entity)
{
    struct entity entity;
    int found = load_entity_name(txn, name, &entity);
    if (found < 0)
        return found;
    if (found == 0 || !rights_see(txn, &entity))
        return no_entity(txn);
    *ret_entity = entity;
    return found;
}

int load_token_named(struct txn *txn, uint32_t entity, const char *name, uint64_t *ret_id)
{
    struct record_key key = key_by_entity(entity, name, strlen(name));
    MDB_val value;
    int found = txn_get(txn, TABLE_BY_ENTITY, &key, &value);
    if (found > 0 && !id_decode(TABLE_BY_ENTITY, &key, value.mv_data, value.mv_size, ret_id))
        return txn_damaged(txn, TABLE_BY_ENTITY, name);
    return found;
}

int need_token(struct txn *txn, const struct token_ref *ref, struct token_full *ret_token)
{
    uint64_t id = ref->id;
    int found = 1;
    if (!ref->by_id) {
        struct entity entity = {0};
        found = need_entity(txn, ref->entity, &entity);
        if (found > 0)
            found = load_token_named(txn, entity.number, ref->name, &id);
    }
    struct token_full token = {0};
    struct entity owner;
    if (found > 0)
        found = load_token_id(txn, id, &token);
    if (found > 0 && load_entity_number(txn, token.entity, &owner) <= 0)
        return txn_damaged(txn, TABLE_ENTITIES, token.token.entity);
    if (found > 0 && rights_see(txn, &owner)) {
        *ret_token = token;
        return found;
    }
    if (found >= 0)
        return txn_fail(txn, ESPT_MISSING, "there is no such token; see them by esp-tokenctl list");
    return found;
}

/* --- walks by number: both indexes begin with it, big endian --- */

static void walk_number(struct walk *ret_walk, struct txn *txn, enum table table, uint32_t number)
{
    struct record_key from = key_by_entity(number, "", 0);
    walk_begin(ret_walk, txn, table, &from, sizeof number);
}

void walk_tokens(struct walk *ret_walk, struct txn *txn, uint32_t entity)
{
    walk_number(ret_walk, txn, TABLE_BY_ENTITY, entity);
}

bool walk_next_token(struct walk *walk, struct token_full *ret_token)
{
    if (!walk_next(walk))
        return false;
    uint64_t id;
    if (!id_decode(TABLE_BY_ENTITY, &walk->key, walk->value.mv_data, walk->value.mv_size, &id)) {
        txn_damaged(walk->txn, TABLE_BY_ENTITY, "a token");
        return false;
    }
    int found = load_token_id(walk->txn, id, ret_token);
    if (found == 0)
        txn_damaged(walk->txn, TABLE_TOKENS, "a token in the index");
    return found > 0;
}

void walk_customers(struct walk *ret_walk, struct txn *txn, uint32_t reseller)
{
    walk_number(ret_walk, txn, TABLE_CUSTOMERS, reseller);
}

bool walk_next_customer(struct walk *walk, struct entity *ret_entity)
{
    if (!walk_next(walk))
        return false;
    uint32_t number[2] = {0, 0};
    if (walk->key.len == sizeof number &&
        empty_decode(TABLE_CUSTOMERS, &walk->key, walk->value.mv_data, walk->value.mv_size))
        memcpy(number, walk->key.bytes, sizeof number);
    int found = load_entity_number(walk->txn, be32toh(number[1]), ret_entity);
    if (found == 0)
        txn_damaged(walk->txn, TABLE_CUSTOMERS, "a customer");
    return found > 0;
}
