/* SPDX-License-Identifier: ISC */
/* What both directions of operations share: tables, keys, facts. */
#include "fleet/ops.h"

#include "common/record_bytes.h"

int table_order(enum table table)
{
    return (unsigned char)table_name(table)[0] << 8 | (unsigned char)table_name(table)[1];
}

bool part_has(enum entry_part part, enum table table)
{
    switch (table) {
    case TABLE_AUTH:
    case TABLE_RESELLERS:
    case TABLE_NAMES:
    case TABLE_FOREIGN:
        return part == PART_EDGE;
    case TABLE_TOKENS:
    case TABLE_BY_ENTITY:
    case TABLE_CUSTOMERS:
        return part == PART_VAULT;
    case TABLE_ENTITIES:
        return part == PART_EDGE || part == PART_VAULT;
    default:
        return false;
    }
}

static uint64_t integer_of(const struct record_key *key)
{
    uint64_t le = 0;
    memcpy(&le, key->bytes, sizeof le);
    return le64toh(le);
}

int key_compare(enum table table, const struct record_key *a, const struct record_key *b)
{
    if (table_has_integer_key(table)) {
        const uint64_t left = integer_of(a), right = integer_of(b);
        return (left > right) - (left < right);
    }
    const int order = memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

void facts_of(const struct auth_record *auth, struct entity_facts *ret)
{
    *ret = (struct entity_facts){.entity = auth->entity,
                                 .reseller = auth->reseller,
                                 .kind = auth->kind,
                                 .active = auth->entity_active};
    memcpy(ret->name, auth->entity_name, sizeof ret->name);
    memcpy(ret->tier, auth->tier, sizeof ret->tier);
}

bool facts_equal(const struct entity_facts *a, const struct entity_facts *b)
{
    return a->entity == b->entity && a->reseller == b->reseller && a->kind == b->kind &&
           a->active == b->active && strcmp(a->name, b->name) == 0 && strcmp(a->tier, b->tier) == 0;
}

void facts_set(struct auth_record *auth, const struct entity_facts *facts)
{
    auth->reseller = facts->reseller;
    auth->kind = facts->kind;
    auth->entity_active = facts->active;
    memcpy(auth->entity_name, facts->name, sizeof auth->entity_name);
    memcpy(auth->tier, facts->tier, sizeof auth->tier);
}

uint64_t op_id(const struct op *op, size_t index)
{
    uint64_t le;
    memcpy(&le, op->ids + index * sizeof le, sizeof le);
    return le64toh(le);
}

size_t entity_strip(const struct record_key *key, const void *value, size_t len, uint8_t *out)
{
    struct entity_record entity;
    if (!entity_decode(key, value, len, &entity))
        return 0;
    entity.tokens = entity.customers = 0;
    entity.created = 0;
    entity.contact[0] = '\0';
    return entity_encode(key, &entity, out);
}
