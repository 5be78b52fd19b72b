/* SPDX-License-Identifier: ISC */
#include "common/record_bytes.h"

#include "common/crc32c.h"

/* The table's name, whether its keys are integers, and the CRC-32C of the table's letter, from
   which a record's checksum continues. For the state record it includes the record's only key. */
static const struct {
    const char *name;
    bool integer_key;
    uint32_t letter_crc;
} tables[TABLE_COUNT] = {
    [TABLE_STATE] = {"state", false, 0x0bc3d4e2},         /* sstate */
    [TABLE_AUTH] = {"auth", true, 0xc1d04330},            /* a */
    [TABLE_ENTITIES] = {"entities", true, 0x064ad42f},    /* e */
    [TABLE_RESELLERS] = {"resellers", true, 0xc2de77ab},  /* r */
    [TABLE_NAMES] = {"names", false, 0x9fc37f14},         /* n */
    [TABLE_TOKENS] = {"tokens", true, 0xe47f9043},        /* t */
    [TABLE_BY_ENTITY] = {"by_entity", false, 0xd280b0c4}, /* b */
    [TABLE_CUSTOMERS] = {"customers", false, 0x20eb33c7}, /* c */
    [TABLE_FOREIGN] = {"foreign", false, 0x151a27db},     /* f */
    [TABLE_USAGE] = {"usage", true, 0x16141340},          /* u */
    [TABLE_FOLDED] = {"folded", true, 0xf421572c},        /* d */
    [TABLE_NOTICES] = {"notices", true, 0x6da8fc17},      /* o */
    [TABLE_LOG] = {"log", true, 0x7ef80fe3},              /* l */
};

const char *table_name(enum table table)
{
    return tables[table].name;
}

bool table_has_integer_key(enum table table)
{
    return tables[table].integer_key;
}

/* --- keys --- */

static struct record_key key_bytes(const void *bytes, size_t len)
{
    struct record_key key; /* not zeroed, because that would take longer than the rest */
    key.len = len;
    memcpy(key.bytes, bytes, len);
    return key;
}

struct record_key key_integer(uint64_t value)
{
    uint64_t le = htole64(value);
    return key_bytes(&le, sizeof le);
}

struct record_key key_name(const char *name, size_t len)
{
    return key_bytes(name, len);
}

struct record_key key_by_entity(uint32_t entity, const char *token_name, size_t len)
{
    uint32_t be = htobe32(entity);
    struct record_key key = key_bytes(&be, sizeof be);
    memcpy(key.bytes + key.len, token_name, len);
    key.len += len;
    return key;
}

struct record_key key_indexed(uint32_t entity, const char *name, bool retiring, uint64_t id)
{
    uint64_t be = htobe64(id);
    if (!retiring)
        return key_by_entity(entity, name, strlen(name));
    struct record_key key = key_by_entity(entity, "", 1);
    memcpy(key.bytes + key.len, &be, sizeof be);
    key.len += sizeof be;
    return key;
}

struct record_key key_digest(const uint8_t digest[static TOKEN_DIGEST_LEN])
{
    return key_bytes(digest, TOKEN_DIGEST_LEN);
}

struct record_key key_pair(uint32_t reseller, uint32_t customer)
{
    uint32_t be[2] = {htobe32(reseller), htobe32(customer)};
    return key_bytes(be, sizeof be);
}

struct record_key key_state(void)
{
    return key_bytes("state", 5);
}

/* --- the seal around every value --- */

static uint32_t checksum(enum table table, const struct record_key *key, const uint8_t *value,
                         size_t len)
{
    size_t key_len = table == TABLE_STATE ? 0 : key->len;
    return crc32c_two(tables[table].letter_crc, key->bytes, key_len, value, len);
}

size_t write_end(struct writer *w, enum table table, const struct record_key *key)
{
    write_u32(w, checksum(table, key, w->out, w->len));
    return w->len;
}

struct parser parse_begin(enum table table, const struct record_key *key, const void *value,
                          size_t len)
{
    struct parser p = {.in = value, .left = len, .good = len >= 1 + RECORD_CHECKSUM_LEN};
    if (!p.good)
        return p;
    p.left -= RECORD_CHECKSUM_LEN;
    struct parser tail = {.in = p.in + p.left, .left = RECORD_CHECKSUM_LEN, .good = true};
    p.good = parse_u32(&tail) == checksum(table, key, p.in, p.left);
    p.version = parse_u8(&p);
    p.good = p.good && p.version >= RECORD_VERSION_READ && p.version <= RECORD_VERSION;
    return p;
}

bool record_sealed(enum table table, const struct record_key *key, const void *value, size_t len)
{
    return parse_begin(table, key, value, len).good;
}

/* --- state --- */

#define STATE_VERSION 2
#define SCHEMA1_STATE_LEN 27
enum { STATE_CLOSED = 1, STATE_FOREIGN = 2, STATE_FLEET = 4, STATE_EDGE = 8, STATE_FLAGS = 15 };

static void write_position(struct writer *w, const struct fleet_position *position)
{
    write_bytes(w, position->id, sizeof position->id);
    write_u64(w, position->number);
    write_bytes(w, position->hash, sizeof position->hash);
    write_bytes(w, position->sum, sizeof position->sum);
    write_bytes(w, position->edge_sum, sizeof position->edge_sum);
    write_u64(w, position->sites);
    write_u32(w, position->reveal);
    write_bytes(w, position->tiers, sizeof position->tiers);
    write_u64(w, position->head);
    write_u64(w, (uint64_t)position->fresh);
}

static void parse_position(struct parser *p, struct fleet_position *ret)
{
    parse_bytes(p, ret->id, sizeof ret->id);
    ret->number = parse_u64(p);
    parse_bytes(p, ret->hash, sizeof ret->hash);
    parse_bytes(p, ret->sum, sizeof ret->sum);
    parse_bytes(p, ret->edge_sum, sizeof ret->edge_sum);
    ret->sites = parse_u64(p);
    ret->reveal = parse_u32(p);
    parse_bytes(p, ret->tiers, sizeof ret->tiers);
    ret->head = parse_u64(p);
    ret->fresh = (int64_t)parse_u64(p);
}

/* Version and schema keep these places in every future schema (MUST 4). */
size_t state_encode(const struct state_record *in, uint8_t *out)
{
    struct record_key key = key_state();
    struct writer w = write_begin(out);
    out[0] = STATE_VERSION;
    write_u8(&w, STORE_SCHEMA);
    write_u8(&w, (uint8_t)((in->closed ? STATE_CLOSED : 0) | (in->foreign ? STATE_FOREIGN : 0) |
                           (in->fleet ? STATE_FLEET : 0) | (in->edge ? STATE_EDGE : 0)));
    write_u64(&w, in->transaction);
    write_u64(&w, in->revision);
    write_u64(&w, in->nonce);
    write_u32(&w, in->next_number);
    if (in->fleet)
        write_position(&w, &in->position);
    return write_end(&w, TABLE_STATE, &key);
}

enum state_verdict state_decode(const void *value, size_t len, struct state_record *ret)
{
    struct record_key key = key_state();
    struct parser p = parse_begin(TABLE_STATE, &key, value, len);
    if (!p.good || p.version != STATE_VERSION)
        return state_schema(value, len) < STORE_SCHEMA_READ ? STATE_OLDER : STATE_DAMAGED;
    const uint8_t schema = ret->schema = parse_u8(&p);
    uint8_t flags = parse_u8(&p);
    ret->closed = (flags & STATE_CLOSED) != 0;
    ret->foreign = (flags & STATE_FOREIGN) != 0;
    ret->transaction = parse_u64(&p);
    ret->revision = parse_u64(&p);
    ret->nonce = parse_u64(&p);
    ret->next_number = parse_u32(&p);
    ret->fleet = (flags & STATE_FLEET) != 0;
    ret->edge = (flags & STATE_EDGE) != 0;
    ret->position.fresh = 0;
    if (ret->fleet)
        parse_position(&p, &ret->position);
    if (schema > STORE_SCHEMA)
        return STATE_NEWER;
    return parse_end(&p) && schema >= STORE_SCHEMA_READ && flags <= STATE_FLAGS &&
                   (ret->fleet || !ret->edge)
               ? STATE_GOOD
               : STATE_DAMAGED;
}

/* Schema 1 had another checksum, so it is recognised by its length and version alone. */
unsigned state_schema(const void *value, size_t len)
{
    const uint8_t *byte = value;
    const bool is_older = len == SCHEMA1_STATE_LEN && byte[0] == byte[1];
    return is_older && byte[0] < STORE_SCHEMA_READ ? byte[0] : STORE_SCHEMA;
}

/* --- auth --- */

#define AUTH_FIXED_LEN (3 + 4 + 4 + 8 + TOKEN_DIGEST_LEN) /* after the version byte */
#define AUTH_RESELLER_AT (1 + 3 + 4)
enum { AUTH_ACTIVE = 1, AUTH_ENTITY_ACTIVE = 2, AUTH_RESELLER = 4, AUTH_FLAGS = 7 };

/* The fields of fixed size come first, so that each has a fixed offset. The two texts follow
   without length bytes. */
size_t auth_encode(const struct record_key *key, const struct auth_record *in, uint8_t *out)
{
    const size_t name_len = strlen(in->entity_name), tier_len = strlen(in->tier);
    struct writer w = write_begin(out);
    write_u8(&w, (uint8_t)((in->active ? AUTH_ACTIVE : 0) |
                           (in->entity_active ? AUTH_ENTITY_ACTIVE : 0) |
                           (in->kind == KIND_RESELLER ? AUTH_RESELLER : 0)));
    write_u8(&w, (uint8_t)name_len);
    write_u8(&w, (uint8_t)tier_len);
    write_u32(&w, in->entity);
    write_u32(&w, in->reseller);
    write_u64(&w, (uint64_t)in->expires);
    write_bytes(&w, in->digest, sizeof in->digest);
    write_bytes(&w, in->entity_name, name_len);
    write_bytes(&w, in->tier, tier_len);
    return write_end(&w, TABLE_AUTH, key);
}

bool auth_decode(const struct record_key *key, const void *value, size_t len,
                 struct auth_record *ret)
{
    struct parser p = parse_begin(TABLE_AUTH, key, value, len);
    if (!p.good || p.left < AUTH_FIXED_LEN)
        return false;
    uint8_t flags = parse_u8(&p);
    uint8_t name_len = parse_u8(&p);
    uint8_t tier_len = parse_u8(&p);
    ret->active = (flags & AUTH_ACTIVE) != 0;
    ret->entity_active = (flags & AUTH_ENTITY_ACTIVE) != 0;
    ret->kind = (flags & AUTH_RESELLER) != 0 ? KIND_RESELLER : KIND_CUSTOMER;
    ret->entity = parse_u32(&p);
    ret->reseller = parse_u32(&p);
    ret->expires = (int64_t)parse_u64(&p);
    parse_bytes(&p, ret->digest, sizeof ret->digest);
    parse_chars(&p, ret->entity_name, name_len, ENTITY_NAME_MAX, entity_name_ok);
    parse_chars(&p, ret->tier, tier_len, TIER_NAME_MAX, tier_name_ok);
    return parse_end(&p) && flags <= AUTH_FLAGS && ret->entity != 0 && ret->expires >= 0;
}

uint32_t auth_peek_reseller(const void *value, size_t len)
{
    uint32_t reseller = 0;
    if (len >= AUTH_RESELLER_AT + sizeof reseller)
        memcpy(&reseller, (const uint8_t *)value + AUTH_RESELLER_AT, sizeof reseller);
    return le32toh(reseller);
}
