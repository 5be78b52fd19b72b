#include "common/record.h"

#include "common/crc32.h"

#include <endian.h>
#include <string.h>

#define RECORD_VERSION 1
#define CHECKSUM_LEN 4

/* name, letter in the checksum, integer keys */
static const struct {
    const char *name;
    char letter;
    bool integer_key;
} tables[TABLE_COUNT] = {
    [TABLE_STATE] = {"state", 's', false},         [TABLE_AUTH] = {"auth", 'a', true},
    [TABLE_ENTITIES] = {"entities", 'e', true},    [TABLE_RESELLERS] = {"resellers", 'r', true},
    [TABLE_NAMES] = {"names", 'n', false},         [TABLE_TOKENS] = {"tokens", 't', true},
    [TABLE_BY_ENTITY] = {"by_entity", 'b', false}, [TABLE_CUSTOMERS] = {"customers", 'c', false},
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
    struct record_key key = {.len = len};
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
    uint32_t crc = crc32(0, &tables[table].letter, 1);
    crc = crc32(crc, key->bytes, key->len);
    return crc32(crc, value, len);
}

/* Writes fields one after another; the encoders' inputs are bounded, so that `out` cannot be full.
 */
struct writer {
    uint8_t *out;
    size_t len;
};

static struct writer write_begin(uint8_t *out)
{
    out[0] = RECORD_VERSION;
    return (struct writer){.out = out, .len = 1};
}

static void write_bytes(struct writer *w, const void *bytes, size_t len)
{
    memcpy(w->out + w->len, bytes, len);
    w->len += len;
}

static void write_u8(struct writer *w, uint8_t value)
{
    write_bytes(w, &value, sizeof value);
}

static void write_u32(struct writer *w, uint32_t value)
{
    uint32_t le = htole32(value);
    write_bytes(w, &le, sizeof le);
}

static void write_u64(struct writer *w, uint64_t value)
{
    uint64_t le = htole64(value);
    write_bytes(w, &le, sizeof le);
}

/* A length byte, then the text without its terminator. */
static void write_text(struct writer *w, const char *text)
{
    size_t len = strlen(text);
    write_u8(w, (uint8_t)len);
    write_bytes(w, text, len);
}

static size_t write_end(struct writer *w, enum table table, const struct record_key *key)
{
    write_u32(w, checksum(table, key, w->out, w->len));
    return w->len;
}

/* Reads fields one after another; the first that does not fit spoils the rest. */
struct parser {
    const uint8_t *in;
    size_t left;
    bool good;
};

static void parse_bytes(struct parser *p, void *out, size_t len)
{
    if (!p->good || p->left < len) {
        p->good = false;
        memset(out, 0, len);
        return;
    }
    memcpy(out, p->in, len);
    p->in += len;
    p->left -= len;
}

static uint8_t parse_u8(struct parser *p)
{
    uint8_t value;
    parse_bytes(p, &value, sizeof value);
    return value;
}

static uint32_t parse_u32(struct parser *p)
{
    uint32_t le;
    parse_bytes(p, &le, sizeof le);
    return le32toh(le);
}

static uint64_t parse_u64(struct parser *p)
{
    uint64_t le;
    parse_bytes(p, &le, sizeof le);
    return le64toh(le);
}

/* `out` has room for `max` bytes and a terminator; `ok` judges the form. */
static void parse_text(struct parser *p, char *out, size_t max,
                       bool (*ok)(const char *text, size_t len))
{
    size_t len = parse_u8(p);
    if (len > max) {
        p->good = false;
        len = 0;
    }
    parse_bytes(p, out, len);
    out[len] = '\0';
    if (!ok(out, len))
        p->good = false;
}

static struct parser parse_begin(enum table table, const struct record_key *key, const void *value,
                                 size_t len)
{
    struct parser p = {.in = value, .left = len, .good = len >= 1 + CHECKSUM_LEN};
    if (!p.good)
        return p;
    p.left -= CHECKSUM_LEN;
    struct parser tail = {.in = p.in + p.left, .left = CHECKSUM_LEN, .good = true};
    p.good = parse_u32(&tail) == checksum(table, key, p.in, p.left);
    p.good = parse_u8(&p) == RECORD_VERSION && p.good;
    return p;
}

static bool parse_end(const struct parser *p)
{
    return p->good && p->left == 0;
}

/* --- state --- */

enum { STATE_CLOSED = 1 };

/* The schema stands behind the version, and both keep their place in every schema to come. */
size_t state_encode(const struct state_record *in, uint8_t *out)
{
    struct record_key key = key_state();
    struct writer w = write_begin(out);
    write_u8(&w, STORE_SCHEMA);
    write_u8(&w, in->closed ? STATE_CLOSED : 0);
    write_u64(&w, in->transaction);
    write_u64(&w, in->revision);
    write_u32(&w, in->next_number);
    return write_end(&w, TABLE_STATE, &key);
}

int state_decode(const void *value, size_t len, struct state_record *ret)
{
    struct record_key key = key_state();
    struct parser p = parse_begin(TABLE_STATE, &key, value, len);
    uint8_t schema = parse_u8(&p);
    if (p.good && schema > STORE_SCHEMA)
        return -1;
    uint8_t flags = parse_u8(&p);
    ret->closed = (flags & STATE_CLOSED) != 0;
    ret->transaction = parse_u64(&p);
    ret->revision = parse_u64(&p);
    ret->next_number = parse_u32(&p);
    return parse_end(&p) && schema == STORE_SCHEMA && flags <= STATE_CLOSED;
}

/* --- auth --- */

enum { AUTH_ACTIVE = 1, AUTH_ENTITY_ACTIVE = 2, AUTH_RESELLER = 4, AUTH_FLAGS = 7 };

size_t auth_encode(const struct record_key *key, const struct auth_record *in, uint8_t *out)
{
    struct writer w = write_begin(out);
    write_u8(&w, (uint8_t)((in->active ? AUTH_ACTIVE : 0) |
                           (in->entity_active ? AUTH_ENTITY_ACTIVE : 0) |
                           (in->kind == KIND_RESELLER ? AUTH_RESELLER : 0)));
    write_u32(&w, in->entity);
    write_u32(&w, in->reseller);
    write_u64(&w, (uint64_t)in->expires);
    write_bytes(&w, in->digest, sizeof in->digest);
    write_text(&w, in->entity_name);
    write_text(&w, in->tier);
    return write_end(&w, TABLE_AUTH, key);
}

bool auth_decode(const struct record_key *key, const void *value, size_t len,
                 struct auth_record *ret)
{
    struct parser p = parse_begin(TABLE_AUTH, key, value, len);
    uint8_t flags = parse_u8(&p);
    ret->active = (flags & AUTH_ACTIVE) != 0;
    ret->entity_active = (flags & AUTH_ENTITY_ACTIVE) != 0;
    ret->kind = (flags & AUTH_RESELLER) != 0 ? KIND_RESELLER : KIND_CUSTOMER;
    ret->entity = parse_u32(&p);
    ret->reseller = parse_u32(&p);
    ret->expires = (int64_t)parse_u64(&p);
    parse_bytes(&p, ret->digest, sizeof ret->digest);
    parse_text(&p, ret->entity_name, ENTITY_NAME_MAX, entity_name_ok);
    parse_text(&p, ret->tier, TIER_NAME_MAX, tier_name_ok);
    return parse_end(&p) && flags <= AUTH_FLAGS && ret->entity != 0 && ret->expires >= 0;
}

/* --- entities and resellers --- */

size_t entity_encode(const struct record_key *key, const struct entity_record *in, uint8_t *out)
{
    struct writer w = write_begin(out);
    write_u8(&w, (uint8_t)in->kind);
    write_u8(&w, in->active ? 1 : 0);
    write_u32(&w, in->reseller);
    write_u32(&w, in->tokens);
    write_u32(&w, in->customers);
    write_u64(&w, (uint64_t)in->created);
    write_text(&w, in->name);
    write_text(&w, in->tier);
    return write_end(&w, TABLE_ENTITIES, key);
}

bool entity_decode(const struct record_key *key, const void *value, size_t len,
                   struct entity_record *ret)
{
    struct parser p = parse_begin(TABLE_ENTITIES, key, value, len);
    uint8_t kind = parse_u8(&p);
    uint8_t active = parse_u8(&p);
    ret->kind = kind == KIND_RESELLER ? KIND_RESELLER : KIND_CUSTOMER;
    ret->active = active != 0;
    ret->reseller = parse_u32(&p);
    ret->tokens = parse_u32(&p);
    ret->customers = parse_u32(&p);
    ret->created = (int64_t)parse_u64(&p);
    parse_text(&p, ret->name, ENTITY_NAME_MAX, entity_name_ok);
    parse_text(&p, ret->tier, TIER_NAME_MAX, tier_name_ok);
    return parse_end(&p) && kind == (uint8_t)ret->kind && active <= 1;
}

size_t reseller_encode(const struct record_key *key, const struct reseller_record *in, uint8_t *out)
{
    struct writer w = write_begin(out);
    write_u8(&w, in->active ? 1 : 0);
    write_text(&w, in->name);
    return write_end(&w, TABLE_RESELLERS, key);
}

bool reseller_decode(const struct record_key *key, const void *value, size_t len,
                     struct reseller_record *ret)
{
    struct parser p = parse_begin(TABLE_RESELLERS, key, value, len);
    uint8_t active = parse_u8(&p);
    ret->active = active != 0;
    parse_text(&p, ret->name, ENTITY_NAME_MAX, entity_name_ok);
    return parse_end(&p) && active <= 1;
}

/* --- tokens --- */

size_t token_encode(const struct record_key *key, const struct token_record *in, uint8_t *out)
{
    struct writer w = write_begin(out);
    write_u32(&w, in->entity);
    write_u64(&w, (uint64_t)in->created);
    write_text(&w, in->name);
    write_bytes(&w, in->sealed, sizeof in->sealed);
    return write_end(&w, TABLE_TOKENS, key);
}

bool token_decode(const struct record_key *key, const void *value, size_t len,
                  struct token_record *ret)
{
    struct parser p = parse_begin(TABLE_TOKENS, key, value, len);
    ret->entity = parse_u32(&p);
    ret->created = (int64_t)parse_u64(&p);
    parse_text(&p, ret->name, TOKEN_NAME_MAX, token_name_ok);
    parse_bytes(&p, ret->sealed, sizeof ret->sealed);
    return parse_end(&p) && ret->entity != 0;
}

/* --- indexes --- */

size_t number_encode(const struct record_key *key, uint32_t number, uint8_t *out)
{
    struct writer w = write_begin(out);
    write_u32(&w, number);
    return write_end(&w, TABLE_NAMES, key);
}

bool number_decode(const struct record_key *key, const void *value, size_t len, uint32_t *ret)
{
    struct parser p = parse_begin(TABLE_NAMES, key, value, len);
    *ret = parse_u32(&p);
    return parse_end(&p) && *ret != 0;
}

size_t id_encode(const struct record_key *key, uint64_t id, uint8_t *out)
{
    struct writer w = write_begin(out);
    write_u64(&w, id);
    return write_end(&w, TABLE_BY_ENTITY, key);
}

bool id_decode(const struct record_key *key, const void *value, size_t len, uint64_t *ret)
{
    struct parser p = parse_begin(TABLE_BY_ENTITY, key, value, len);
    *ret = parse_u64(&p);
    return parse_end(&p);
}

size_t empty_encode(const struct record_key *key, uint8_t *out)
{
    struct writer w = write_begin(out);
    return write_end(&w, TABLE_CUSTOMERS, key);
}

bool empty_decode(const struct record_key *key, const void *value, size_t len)
{
    struct parser p = parse_begin(TABLE_CUSTOMERS, key, value, len);
    return parse_end(&p);
}
