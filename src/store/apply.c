/* SPDX-License-Identifier: ISC */
#include "store/apply.h"

#include "store/begin.h"
#include "store/log.h"

#include <stdlib.h>
#include <string.h>

/* --- one record each --- */

static uint32_t number_of(struct txn *txn, const char *reseller)
{
    struct entity entity;
    if (reseller[0] == '\0')
        return 0;
    return find_entity(txn, reseller, &entity) > 0 ? entity.number : 0;
}

static void put_entity(struct txn *txn, const struct entity *entity)
{
    struct record_key key = key_integer(entity->number);
    struct entity_record record = {
        .kind = entity->kind,
        .active = entity->active,
        .reseller = number_of(txn, entity->reseller),
        .tokens = entity->tokens,
        .customers = entity->customers,
        .created = entity->created,
        .off_by = entity->off_by,
    };
    name_copy(record.contact, sizeof record.contact, entity->contact);
    name_copy(record.name, sizeof record.name, entity->name);
    name_copy(record.tier, sizeof record.tier, entity->tier);
    uint8_t value[RECORD_MAX];
    txn_put(txn, TABLE_ENTITIES, &key, value, entity_encode(&key, &record, value));
    if (entity->kind == KIND_RESELLER) {
        struct reseller_record reseller = {.active = entity->active};
        name_copy(reseller.name, sizeof reseller.name, entity->name);
        txn_put(txn, TABLE_RESELLERS, &key, value, reseller_encode(&key, &reseller, value));
    }
}

static void put_name(struct txn *txn, const struct entity *entity)
{
    struct record_key key = key_name(entity->name, strlen(entity->name));
    uint8_t value[RECORD_MAX];
    txn_put(txn, TABLE_NAMES, &key, value, number_encode(&key, entity->number, value));
}

static void delete_name(struct txn *txn, const struct entity *entity)
{
    struct record_key key = key_name(entity->name, strlen(entity->name));
    txn_delete(txn, TABLE_NAMES, &key);
}

/* Writes the record that validators read: the token's own facts and those of its entity. */
static void put_auth(struct txn *txn, const struct token_full *token, const struct entity *entity)
{
    struct record_key key = key_integer(token->token.id);
    struct auth_record record = {
        .active = token->token.active,
        .entity_active = entity->active,
        .kind = entity->kind,
        .entity = entity->number,
        .reseller = number_of(txn, entity->reseller),
        .expires = token->token.expires,
    };
    memcpy(record.digest, token->digest, sizeof record.digest);
    name_copy(record.entity_name, sizeof record.entity_name, entity->name);
    name_copy(record.tier, sizeof record.tier, entity->tier);
    uint8_t value[RECORD_MAX];
    txn_put(txn, TABLE_AUTH, &key, value, auth_encode(&key, &record, value));
}

static void put_token(struct txn *txn, const struct token_full *token)
{
    struct record_key key = key_integer(token->token.id);
    struct token_record record = {
        .retiring = token->token.retiring,
        .foreign = token->token.foreign,
        .has_text = token->token.has_text,
        .entity = token->entity,
        .created = token->token.created,
        .off_by = token->token.off_by,
        .key = token->key,
    };
    name_copy(record.note, sizeof record.note, token->token.note);
    name_copy(record.name, sizeof record.name, token->token.name);
    memcpy(record.sealed, token->sealed, sizeof record.sealed);
    uint8_t value[RECORD_MAX];
    txn_put(txn, TABLE_TOKENS, &key, value, token_encode(&key, &record, value));
}

static struct record_key by_entity_key(const struct token_full *token)
{
    return key_indexed(token->entity, token->token.name, token->token.retiring, token->token.id);
}

static void put_by_entity(struct txn *txn, const struct token_full *token)
{
    struct record_key key = by_entity_key(token);
    uint8_t value[RECORD_MAX];
    txn_put(txn, TABLE_BY_ENTITY, &key, value,
            id_encode(TABLE_BY_ENTITY, &key, token->token.id, value));
}

static void put_foreign(struct txn *txn, const struct token_full *token)
{
    struct record_key key = key_digest(token->digest);
    uint8_t value[RECORD_MAX];
    txn_put(txn, TABLE_FOREIGN, &key, value,
            id_encode(TABLE_FOREIGN, &key, token->token.id, value));
}

/* --- counts --- */

static void need_number(struct txn *txn, uint32_t number, struct entity *ret_entity)
{
    if (load_entity_number(txn, number, ret_entity) == 0)
        txn_damaged(txn, TABLE_ENTITIES, "an entity");
}

/* Retiring tokens count towards no limit. */
static void count_token(struct txn *txn, const struct token_full *token, int step)
{
    struct entity entity = {0};
    if (token->token.retiring)
        return;
    need_number(txn, token->entity, &entity);
    if (txn->code != 0)
        return;
    entity.tokens += (uint32_t)step;
    put_entity(txn, &entity);
}

/* Adds `customer` to the index under `reseller` (a name; empty: none), or removes it. */
static void link_customer(struct txn *txn, const char *reseller, uint32_t customer, bool enter)
{
    struct entity entity = {0};
    if (reseller[0] == '\0' || find_entity(txn, reseller, &entity) <= 0)
        return;
    struct record_key key = key_pair(entity.number, customer);
    uint8_t value[RECORD_MAX];
    if (enter)
        txn_put(txn, TABLE_CUSTOMERS, &key, value, empty_encode(TABLE_CUSTOMERS, &key, value));
    else
        txn_delete(txn, TABLE_CUSTOMERS, &key);
    entity.customers += enter ? 1u : (uint32_t)-1;
    put_entity(txn, &entity);
}

/* --- one change each --- */

static void entity_add(struct txn *txn, const struct entity *after)
{
    struct entity entity = *after;
    entity.tokens = entity.customers = 0;
    put_name(txn, &entity);
    put_entity(txn, &entity);
    link_customer(txn, entity.reseller, entity.number, true);
    if (txn->state.next_number <= entity.number)
        txn->state.next_number = entity.number + 1;
}

static void entity_set(struct txn *txn, const struct entity *before, const struct entity *after)
{
    if (strcmp(before->name, after->name) != 0) {
        delete_name(txn, before);
        put_name(txn, after);
    }
    if (strcmp(before->reseller, after->reseller) != 0) {
        link_customer(txn, before->reseller, after->number, false);
        link_customer(txn, after->reseller, after->number, true);
    }
    struct entity entity = *after, now = {0};
    need_number(txn, after->number, &now);
    entity.tokens = now.tokens;
    entity.customers = now.customers;
    put_entity(txn, &entity);
    struct walk walk;
    struct token_full token;
    walk_tokens(&walk, txn, entity.number);
    while (walk_next_token(&walk, &token))
        put_auth(txn, &token, &entity);
    walk_end(&walk);
}

static void entity_remove(struct txn *txn, const struct entity *before)
{
    struct record_key key = key_integer(before->number);
    link_customer(txn, before->reseller, before->number, false);
    delete_name(txn, before);
    txn_delete(txn, TABLE_ENTITIES, &key);
    if (before->kind == KIND_RESELLER)
        txn_delete(txn, TABLE_RESELLERS, &key);
}

static void token_put(struct txn *txn, const struct token_full *after)
{
    struct entity entity = {0};
    need_number(txn, after->entity, &entity);
    if (txn->code != 0)
        return;
    if (!txn->defers_tokens) {
        put_token(txn, after);
        put_auth(txn, after, &entity);
    }
    put_by_entity(txn, after);
    if (after->token.foreign)
        put_foreign(txn, after);
}

static void token_add(struct txn *txn, const struct token_full *after)
{
    token_put(txn, after);
    count_token(txn, after, 1);
}

static void token_set(struct txn *txn, const struct token_full *before,
                      const struct token_full *after)
{
    if (strcmp(before->token.name, after->token.name) != 0 ||
        before->token.retiring != after->token.retiring) {
        struct record_key key = by_entity_key(before);
        txn_delete(txn, TABLE_BY_ENTITY, &key);
    }
    if (before->token.retiring != after->token.retiring) {
        count_token(txn, before, -1);
        count_token(txn, after, 1);
    }
    token_put(txn, after);
}

static void token_remove(struct txn *txn, const struct token_full *before)
{
    struct record_key key = key_integer(before->token.id);
    struct record_key index = by_entity_key(before);
    txn_delete(txn, TABLE_AUTH, &key);
    txn_delete(txn, TABLE_TOKENS, &key);
    txn_delete(txn, TABLE_BY_ENTITY, &index);
    txn_delete_if_there(txn, TABLE_USAGE, &key);
    txn_delete_if_there(txn, TABLE_NOTICES, &key);
    if (before->token.foreign) {
        struct record_key digest = key_digest(before->digest);
        txn_delete(txn, TABLE_FOREIGN, &digest);
    }
    count_token(txn, before, -1);
}

void apply_sealed(struct txn *txn, const struct token_full *token)
{
    put_token(txn, token);
}

void apply_from(struct txn *txn, const struct changes *changes, size_t from)
{
    for (size_t i = from; i < changes->count && txn->code == 0; i++) {
        const struct change *change = &changes->items[i];
        switch (change->type) {
        case CHANGE_ENTITY_ADD:
            entity_add(txn, &change->entity.after);
            break;
        case CHANGE_ENTITY_SET:
            entity_set(txn, &change->entity.before, &change->entity.after);
            break;
        case CHANGE_ENTITY_REMOVE:
            entity_remove(txn, &change->entity.before);
            break;
        case CHANGE_TOKEN_ADD:
            token_add(txn, &change->token.after);
            break;
        case CHANGE_TOKEN_SET:
            token_set(txn, &change->token.before, &change->token.after);
            break;
        case CHANGE_TOKEN_REMOVE:
            token_remove(txn, &change->token.before);
            break;
        case CHANGE_TOKEN_REVEAL:
        case CHANGE_NOTE:
            break;
        }
    }
}

static int by_id(const void *a, const void *b)
{
    const uint64_t left = (*(const struct change *const *)a)->token.after.token.id;
    const uint64_t right = (*(const struct change *const *)b)->token.after.token.id;
    return (left > right) - (left < right);
}

void apply_deferred(struct txn *txn, const struct changes *changes)
{
    const struct change **added = calloc(changes->count + 1, sizeof *added);
    size_t count = 0;
    if (added == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    for (size_t i = 0; i < changes->count; i++) {
        if (changes->items[i].type == CHANGE_TOKEN_ADD)
            added[count++] = &changes->items[i];
    }
    qsort(added, count, sizeof *added, by_id);
    for (size_t i = 0; i < count && txn->code == 0; i++) {
        const struct token_full *token = &added[i]->token.after;
        struct entity entity = {0};
        need_number(txn, token->entity, &entity);
        put_token(txn, token);
        put_auth(txn, token, &entity);
    }
    free(added);
}

void apply(struct txn *txn, const struct changes *changes)
{
    apply_from(txn, changes, 0);
    log_append(txn, changes);
}
