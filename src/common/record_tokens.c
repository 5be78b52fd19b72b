/* The records that validators never read, and the indexes. */
#include "common/record_bytes.h"

/* --- tokens --- */

/* TOKEN_DATED: created when its id was drawn, as nearly all are: not said again. */
enum {
    TOKEN_RETIRING = 1,
    TOKEN_FOREIGN = 2,
    TOKEN_HAS_TEXT = 4,
    TOKEN_DATED = 8,
    TOKEN_FLAGS = 15
};

static int64_t drawn_at(const struct record_key *key)
{
    uint64_t id = 0;
    memcpy(&id, key->bytes, key->len == sizeof id ? sizeof id : 0);
    return token_id_seconds(le64toh(id));
}

size_t token_encode(const struct record_key *key, const struct token_record *in, uint8_t *out)
{
    struct writer w = write_begin(out);
    const bool dated = in->created == drawn_at(key);
    write_u8(&w, (uint8_t)((in->retiring ? TOKEN_RETIRING : 0) | (in->foreign ? TOKEN_FOREIGN : 0) |
                           (in->has_text ? TOKEN_HAS_TEXT : 0) | (dated ? TOKEN_DATED : 0)));
    write_u32(&w, in->entity);
    if (!dated)
        write_u64(&w, (uint64_t)in->created);
    write_text(&w, in->name);
    if (in->has_text)
        write_bytes(&w, in->sealed, sizeof in->sealed);
    return write_end(&w, TABLE_TOKENS, key);
}

bool token_decode(const struct record_key *key, const void *value, size_t len,
                  struct token_record *ret)
{
    struct parser p = parse_begin(TABLE_TOKENS, key, value, len);
    uint8_t flags = parse_u8(&p);
    ret->retiring = (flags & TOKEN_RETIRING) != 0;
    ret->foreign = (flags & TOKEN_FOREIGN) != 0;
    ret->has_text = (flags & TOKEN_HAS_TEXT) != 0;
    ret->entity = parse_u32(&p);
    const bool dated = (flags & TOKEN_DATED) != 0;
    ret->created = dated ? drawn_at(key) : (int64_t)parse_u64(&p);
    parse_text(&p, ret->name, TOKEN_NAME_MAX, token_name_ok);
    memset(ret->sealed, 0, sizeof ret->sealed);
    if (ret->has_text)
        parse_bytes(&p, ret->sealed, sizeof ret->sealed);
    return parse_end(&p) && flags <= TOKEN_FLAGS && ret->entity != 0 &&
           dated == (ret->created == drawn_at(key));
}

/* --- usage --- */

size_t usage_encode(const struct record_key *key, const struct usage_record *in, uint8_t *out)
{
    struct writer w = write_begin(out);
    write_u64(&w, in->uses);
    write_u64(&w, (uint64_t)in->last_used);
    return write_end(&w, TABLE_USAGE, key);
}

bool usage_decode(const struct record_key *key, const void *value, size_t len,
                  struct usage_record *ret)
{
    struct parser p = parse_begin(TABLE_USAGE, key, value, len);
    ret->uses = parse_u64(&p);
    ret->last_used = (int64_t)parse_u64(&p);
    return parse_end(&p) && ret->last_used > 0;
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

size_t id_encode(enum table table, const struct record_key *key, uint64_t id, uint8_t *out)
{
    struct writer w = write_begin(out);
    write_u64(&w, id);
    return write_end(&w, table, key);
}

bool id_decode(enum table table, const struct record_key *key, const void *value, size_t len,
               uint64_t *ret)
{
    struct parser p = parse_begin(table, key, value, len);
    *ret = parse_u64(&p);
    return parse_end(&p);
}

size_t empty_encode(enum table table, const struct record_key *key, uint8_t *out)
{
    struct writer w = write_begin(out);
    return write_end(&w, table, key);
}

bool empty_decode(enum table table, const struct record_key *key, const void *value, size_t len)
{
    struct parser p = parse_begin(table, key, value, len);
    return parse_end(&p);
}
