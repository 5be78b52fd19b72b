/* SPDX-License-Identifier: ISC */
/* Operations from bytes of any origin. */
#include "common/record_bytes.h"
#include "fleet/ops.h"

void ops_begin(struct ops_reader *ret, enum entry_part part, const struct entry_bytes *bytes)
{
    *ret = (struct ops_reader){.part = part, .at = bytes->at, .left = bytes->len};
}

/* --- one record --- */

static bool key_ok(enum table table, const struct record_key *key)
{
    switch (table) {
    case TABLE_NAMES:
        return entity_name_ok((const char *)key->bytes, key->len);
    case TABLE_FOREIGN:
        return key->len == TOKEN_DIGEST_LEN;
    case TABLE_BY_ENTITY:
        return key->len > 4 && key->len <= 4 + TOKEN_NAME_MAX;
    default:
        return key->len == 8; /* integers, and the pairs of customers */
    }
}

static bool entity_form(enum entry_part part, const struct op *op)
{
    uint8_t stripped[RECORD_MAX];
    struct entity_record entity;
    if (part == PART_VAULT)
        return entity_decode(&op->key, op->value, op->len, &entity);
    const size_t len = entity_strip(&op->key, op->value, op->len, stripped);
    return len == op->len && memcmp(stripped, op->value, len) == 0;
}

/* MUST 1 */
bool op_record_ok(enum entry_part part, const struct op *op)
{
    union {
        struct auth_record auth;
        struct reseller_record reseller;
        struct token_record token;
    } record;
    uint32_t number;
    uint64_t id;
    if (!key_ok(op->table, &op->key))
        return false;
    switch (op->table) {
    case TABLE_AUTH:
        return auth_decode(&op->key, op->value, op->len, &record.auth);
    case TABLE_ENTITIES:
        return entity_form(part, op);
    case TABLE_RESELLERS:
        return reseller_decode(&op->key, op->value, op->len, &record.reseller);
    case TABLE_NAMES:
        return number_decode(&op->key, op->value, op->len, &number);
    case TABLE_TOKENS:
        return token_decode(&op->key, op->value, op->len, &record.token);
    case TABLE_BY_ENTITY:
    case TABLE_FOREIGN:
        return id_decode(op->table, &op->key, op->value, op->len, &id);
    case TABLE_CUSTOMERS:
        return empty_decode(op->table, &op->key, op->value, op->len);
    default:
        return false;
    }
}

static bool find_table(enum entry_part part, uint8_t letter, enum table *ret)
{
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        if (part_has(part, t) && (uint8_t)table_name(t)[0] == letter) {
            *ret = t;
            return true;
        }
    }
    return false;
}

static bool parse_record(struct parser *p, enum entry_part part, struct op *op)
{
    const uint8_t letter = parse_u8(p);
    op->key.len = parse_u8(p);
    if (!find_table(part, letter, &op->table) || op->key.len > sizeof op->key.bytes)
        return false;
    parse_bytes(p, op->key.bytes, op->key.len);
    if (!p->good || !key_ok(op->table, &op->key))
        return false;
    if (op->kind == OP_DELETE)
        return true;
    op->len = parse_u32(p);
    op->value = p->in;
    if (!p->good || op->len > RECORD_MAX || op->len > p->left)
        return false;
    p->in += op->len;
    p->left -= op->len;
    return op_record_ok(part, op);
}

/* --- facts and sites --- */

static bool ids_rise(const struct op *op)
{
    for (size_t i = 1; i < op->count; i++) {
        if (op_id(op, i) <= op_id(op, i - 1))
            return false;
    }
    return op->count > 0;
}

static bool parse_facts(struct parser *p, struct op *op)
{
    op->facts.entity = parse_u32(p);
    op->facts.reseller = parse_u32(p);
    const uint8_t kind = parse_u8(p), active = parse_u8(p);
    parse_text(p, op->facts.name, ENTITY_NAME_MAX, entity_name_ok);
    parse_text(p, op->facts.tier, TIER_NAME_MAX, tier_name_ok);
    op->count = parse_u32(p);
    op->ids = p->in;
    if (!p->good || op->facts.entity == 0 || active > 1 ||
        (kind != KIND_RESELLER && kind != KIND_CUSTOMER) || op->count > p->left / 8)
        return false;
    op->facts.kind = (enum entity_kind)kind;
    op->facts.active = active == 1;
    p->in += op->count * 8;
    p->left -= op->count * 8;
    return ids_rise(op);
}

static bool parse_site(struct parser *p, struct op *op)
{
    parse_text(p, op->site, SITE_NAME_MAX, entity_name_ok);
    if (op->kind == OP_SITE_ADD)
        parse_bytes(p, op->site_key, sizeof op->site_key);
    return p->good;
}

/* --- order --- */

/* Sites come first, then facts, then records. */
static int group(const struct op *op)
{
    return op->kind == OP_SITE_ADD || op->kind == OP_SITE_REMOVE ? 1 : op->kind == OP_FACTS ? 2 : 3;
}

static bool follows(const struct op *last, const struct op *op)
{
    if (last->kind == 0 || group(last) != group(op))
        return last->kind == 0 || group(last) < group(op);
    if (group(op) == 1)
        return strcmp(last->site, op->site) < 0;
    if (group(op) == 2)
        return last->facts.entity < op->facts.entity;
    if (last->table != op->table)
        return table_order(last->table) < table_order(op->table);
    return key_compare(op->table, &last->key, &op->key) < 0;
}

bool ops_next(struct ops_reader *reader, struct op *ret)
{
    struct parser p = {.in = reader->at, .left = reader->left, .good = true};
    bool good = false;
    if (reader->wrong || reader->left == 0)
        return false;
    *ret = (struct op){.kind = (enum op_kind)parse_u8(&p)};
    if (ret->kind == OP_PUT || ret->kind == OP_DELETE)
        good = parse_record(&p, reader->part, ret);
    else if (ret->kind == OP_FACTS && reader->part == PART_EDGE)
        good = parse_facts(&p, ret);
    else if ((ret->kind == OP_SITE_ADD || ret->kind == OP_SITE_REMOVE) && reader->part == PART_EDGE)
        good = parse_site(&p, ret);
    if (!good || !follows(&reader->last, ret)) {
        reader->wrong = true;
        return false;
    }
    reader->at = p.in;
    reader->left = p.left;
    reader->last = *ret;
    return true;
}
