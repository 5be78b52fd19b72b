/* SPDX-License-Identifier: ISC */
#include "store/db/schema1.h"

#include "common/crc32.h"
#include "common/record_bytes.h"

#define VERSION 1

static struct parser open_seal(char letter, const struct record_key *key, const void *value,
                               size_t len)
{
    struct parser p = {.in = value, .left = len, .good = len >= 1 + RECORD_CHECKSUM_LEN};
    if (!p.good)
        return p;
    p.left -= RECORD_CHECKSUM_LEN;
    uint32_t crc = crc32(crc32(crc32(0, &letter, 1), key->bytes, key->len), p.in, p.left);
    struct parser tail = {.in = p.in + p.left, .left = RECORD_CHECKSUM_LEN, .good = true};
    p.good = parse_u32(&tail) == crc;
    p.good = parse_u8(&p) == VERSION && p.good;
    return p;
}

bool schema1_state(const void *value, size_t len, struct state_record *ret_state)
{
    struct record_key key = key_state();
    struct parser p = open_seal('s', &key, value, len);
    struct state_record state = {0};
    uint8_t schema = parse_u8(&p);
    state.closed = parse_u8(&p) != 0;
    state.transaction = parse_u64(&p);
    state.revision = parse_u64(&p);
    state.next_number = parse_u32(&p);
    if (!parse_end(&p) || schema != VERSION)
        return false;
    *ret_state = state;
    return true;
}

static bool convert_auth(struct parser *p, const struct record_key *key, uint8_t *out,
                         size_t *ret_len)
{
    struct auth_record auth;
    uint8_t flags = parse_u8(p);
    auth.active = (flags & 1) != 0;
    auth.entity_active = (flags & 2) != 0;
    auth.kind = (flags & 4) != 0 ? KIND_RESELLER : KIND_CUSTOMER;
    auth.entity = parse_u32(p);
    auth.reseller = parse_u32(p);
    auth.expires = (int64_t)parse_u64(p);
    parse_bytes(p, auth.digest, sizeof auth.digest);
    parse_text(p, auth.entity_name, ENTITY_NAME_MAX, entity_name_ok);
    parse_text(p, auth.tier, TIER_NAME_MAX, tier_name_ok);
    if (parse_end(p))
        *ret_len = auth_encode(key, &auth, out);
    return parse_end(p);
}

static bool convert_token(struct parser *p, const struct record_key *key, uint8_t *out,
                          size_t *ret_len)
{
    struct token_record token = {.has_text = true, .entity = parse_u32(p)};
    token.created = (int64_t)parse_u64(p);
    parse_text(p, token.name, TOKEN_NAME_MAX, token_name_ok);
    parse_bytes(p, token.sealed, sizeof token.sealed);
    if (parse_end(p))
        *ret_len = token_encode(key, &token, out);
    return parse_end(p);
}

static bool convert_entity(struct parser *p, const struct record_key *key, uint8_t *out,
                           size_t *ret_len)
{
    struct entity_record entity = {0};
    uint8_t kind = parse_u8(p), active = parse_u8(p);
    entity.kind = kind == KIND_RESELLER ? KIND_RESELLER : KIND_CUSTOMER;
    entity.active = active != 0;
    entity.off_by = entity.active ? OFF_NOBODY : OFF_PLATFORM;
    entity.reseller = parse_u32(p);
    entity.tokens = parse_u32(p);
    entity.customers = parse_u32(p);
    entity.created = (int64_t)parse_u64(p);
    parse_text(p, entity.name, ENTITY_NAME_MAX, entity_name_ok);
    parse_text(p, entity.tier, TIER_NAME_MAX, tier_name_ok);
    const bool whole = parse_end(p) && kind == (uint8_t)entity.kind && active <= 1;
    if (whole)
        *ret_len = entity_encode(key, &entity, out);
    return whole;
}

/* Seals the record in this schema. The bytes between version and seal are the same in both
   schemas. */
static bool reseal(struct parser *p, enum table table, const struct record_key *key, uint8_t *out,
                   size_t *ret_len)
{
    struct writer w = write_begin(out);
    if (!p->good || p->left > RECORD_MAX - 1 - RECORD_CHECKSUM_LEN)
        return false;
    write_bytes(&w, p->in, p->left);
    *ret_len = write_end(&w, table, key);
    return true;
}

bool schema1_convert(enum table table, const struct record_key *key, const void *value, size_t len,
                     uint8_t *out, size_t *ret_len)
{
    static const char letters[TABLE_COUNT] = {
        [TABLE_AUTH] = 'a',   [TABLE_ENTITIES] = 'e',  [TABLE_RESELLERS] = 'r', [TABLE_NAMES] = 'n',
        [TABLE_TOKENS] = 't', [TABLE_BY_ENTITY] = 'b', [TABLE_CUSTOMERS] = 'c',
    };
    struct parser p = open_seal(letters[table], key, value, len);
    switch (table) {
    case TABLE_AUTH:
        return convert_auth(&p, key, out, ret_len);
    case TABLE_ENTITIES:
        return convert_entity(&p, key, out, ret_len);
    case TABLE_TOKENS:
        return convert_token(&p, key, out, ret_len);
    default:
        return reseal(&p, table, key, out, ret_len);
    }
}
