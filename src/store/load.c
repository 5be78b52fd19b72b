/* SPDX-License-Identifier: ISC */
#include "store/load.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

void name_copy(char *out, size_t size, const char *name)
{
    size_t len = strnlen(name, size - 1);
    memmove(out, name, len);
    out[len] = '\0';
}

void text_copy(char *out, size_t size, const char *text)
{
    name_copy(out, size, text);
    for (char *c = out; !text_ok(out, strlen(out)) && *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?';
    }
}

void name_list_add(struct name_list *few, const char *entity, const char *token)
{
    const size_t used = strlen(few->names), room = sizeof few->names - used;
    if (few->count < NAMES_SHOWN)
        snprintf(few->names + used, room, "%s%s%s%s", used > 0 ? ", " : "", entity,
                 token != NULL ? "/" : "", token != NULL ? token : "");
    else if (few->count == NAMES_SHOWN)
        snprintf(few->names + used, room, ", ...");
    few->count++;
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
    struct record_value value;
    int found = txn_get(txn, TABLE_ENTITIES, &key, &value);
    if (found <= 0)
        return found;
    struct entity_record record;
    if (!entity_decode(&key, value.data, value.len, &record))
        return damaged_number(txn, TABLE_ENTITIES, number);
    struct entity entity = {
        .number = number,
        .kind = record.kind,
        .active = record.active,
        .slim = txn->state.edge,
        .tokens = record.tokens,
        .customers = record.customers,
        .created = record.created,
        .off_by = record.off_by,
    };
    name_copy(entity.contact, sizeof entity.contact, record.contact);
    name_copy(entity.name, sizeof entity.name, record.name);
    name_copy(entity.tier, sizeof entity.tier, record.tier);
    if (record.reseller != 0) {
        struct record_key reseller_key = key_integer(record.reseller);
        struct reseller_record reseller;
        found = txn_get(txn, TABLE_RESELLERS, &reseller_key, &value);
        if (found < 0)
            return found;
        if (found == 0 || !reseller_decode(&reseller_key, value.data, value.len, &reseller))
            return damaged_number(txn, TABLE_RESELLERS, record.reseller);
        name_copy(entity.reseller, sizeof entity.reseller, reseller.name);
        entity.reseller_inactive = !reseller.active;
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
    struct record_value value;
    int found = txn_get(txn, TABLE_NAMES, &key, &value);
    if (found <= 0)
        return found;
    uint32_t number;
    if (!number_decode(&key, value.data, value.len, &number))
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
    struct record_value value;
    int found = txn_get(txn, TABLE_TOKENS, &key, &value);
    if (found <= 0)
        return found;
    struct token_record record;
    if (!token_decode(&key, value.data, value.len, &record))
        return txn_damaged(txn, TABLE_TOKENS, subject);
    struct auth_record auth;
    found = txn_get(txn, TABLE_AUTH, &key, &value);
    if (found < 0)
        return found;
    if (found == 0 || !auth_decode(&key, value.data, value.len, &auth) ||
        auth.entity != record.entity)
        return txn_damaged(txn, TABLE_AUTH, subject);
    struct token_full token = {
        .token = {.id = id,
                  .active = auth.active,
                  .retiring = record.retiring,
                  .foreign = record.foreign,
                  .has_text = record.has_text,
                  .created = record.created,
                  .expires = auth.expires,
                  .off_by = token_off_by(&record, auth.active)},
        .entity = record.entity,
        .key = record.key,
    };
    name_copy(token.token.note, sizeof token.token.note, record.note);
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

int load_token_named(struct txn *txn, uint32_t entity, const char *name, uint64_t *ret_id)
{
    struct record_key key = key_by_entity(entity, name, strlen(name));
    struct record_value value;
    int found = txn_get(txn, TABLE_BY_ENTITY, &key, &value);
    if (found > 0 && !id_decode(TABLE_BY_ENTITY, &key, value.data, value.len, ret_id))
        return txn_damaged(txn, TABLE_BY_ENTITY, name);
    return found;
}

/* --- walks by number: the keys of both indexes begin with it, big endian --- */

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
    if (!id_decode(TABLE_BY_ENTITY, &walk->key, walk->value.data, walk->value.len, &id)) {
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
        empty_decode(TABLE_CUSTOMERS, &walk->key, walk->value.data, walk->value.len))
        memcpy(number, walk->key.bytes, sizeof number);
    int found = load_entity_number(walk->txn, be32toh(number[1]), ret_entity);
    if (found == 0)
        txn_damaged(walk->txn, TABLE_CUSTOMERS, "a customer");
    return found > 0;
}
