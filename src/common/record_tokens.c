/* SPDX-License-Identifier: ISC */
/* Encoders and decoders for the records that validators never read, and for the indexes. */
#include "common/record_bytes.h"

/* --- tokens --- */

/* TOKEN_DATED: the token was created when its id was drawn, as nearly all are, so the time is not
   stored again. TOKEN_OFF holds enum off_by. Schema 2 had the first four flags. */
enum {
    TOKEN_RETIRING = 1,
    TOKEN_FOREIGN = 2,
    TOKEN_HAS_TEXT = 4,
    TOKEN_DATED = 8,
    TOKEN_FLAGS_OLD = 15,
    TOKEN_NOTE = 16,
    TOKEN_OFF_SHIFT = 5,
    TOKEN_OFF = 3 << TOKEN_OFF_SHIFT,
    TOKEN_KEY = 128
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
    const bool dated = in->created == drawn_at(key), has_note = in->note[0] != '\0';
    const bool has_key = in->has_text && in->key != 0;
    write_u8(&w, (uint8_t)((in->retiring ? TOKEN_RETIRING : 0) | (in->foreign ? TOKEN_FOREIGN : 0) |
                           (in->has_text ? TOKEN_HAS_TEXT : 0) | (dated ? TOKEN_DATED : 0) |
                           (has_note ? TOKEN_NOTE : 0) | (unsigned)in->off_by << TOKEN_OFF_SHIFT |
                           (has_key ? TOKEN_KEY : 0)));
    write_u32(&w, in->entity);
    if (!dated)
        write_u64(&w, (uint64_t)in->created);
    write_text(&w, in->name);
    if (has_note)
        write_text(&w, in->note);
    if (has_key)
        write_u32(&w, in->key);
    if (in->has_text)
        write_bytes(&w, in->sealed, sizeof in->sealed);
    return write_end(&w, TABLE_TOKENS, key);
}

bool token_decode(const struct record_key *key, const void *value, size_t len,
                  struct token_record *ret)
{
    struct parser p = parse_begin(TABLE_TOKENS, key, value, len);
    const uint8_t flags = parse_u8(&p);
    const bool has_note = (flags & TOKEN_NOTE) != 0, has_key = (flags & TOKEN_KEY) != 0;
    ret->retiring = (flags & TOKEN_RETIRING) != 0;
    ret->foreign = (flags & TOKEN_FOREIGN) != 0;
    ret->has_text = (flags & TOKEN_HAS_TEXT) != 0;
    ret->off_by = (enum off_by)((flags & TOKEN_OFF) >> TOKEN_OFF_SHIFT);
    ret->entity = parse_u32(&p);
    const bool dated = (flags & TOKEN_DATED) != 0;
    ret->created = dated ? drawn_at(key) : (int64_t)parse_u64(&p);
    parse_text(&p, ret->name, TOKEN_NAME_MAX, token_name_ok);
    ret->note[0] = '\0';
    if (has_note)
        parse_text(&p, ret->note, NOTE_MAX, note_ok);
    ret->key = has_key ? parse_u32(&p) : 0;
    memset(ret->sealed, 0, sizeof ret->sealed);
    if (ret->has_text)
        parse_bytes(&p, ret->sealed, sizeof ret->sealed);
    return parse_end(&p) && (p.version == RECORD_VERSION || flags <= TOKEN_FLAGS_OLD) &&
           ret->entity != 0 && has_note == (ret->note[0] != '\0') && has_key == (ret->key != 0) &&
           (ret->has_text || !has_key) && dated == (ret->created == drawn_at(key));
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

/* --- notices --- */

size_t notice_encode(const struct record_key *key, const struct notice_record *in, uint8_t *out)
{
    struct writer w = write_begin(out);
    write_u64(&w, (uint64_t)in->expires);
    write_u32(&w, in->stage);
    return write_end(&w, TABLE_NOTICES, key);
}

bool notice_decode(const struct record_key *key, const void *value, size_t len,
                   struct notice_record *ret)
{
    struct parser p = parse_begin(TABLE_NOTICES, key, value, len);
    ret->expires = (int64_t)parse_u64(&p);
    ret->stage = parse_u32(&p);
    return parse_end(&p) && ret->expires > 0;
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

/* FOLDED_WHOLE is an empty record, as in stores from before files were folded in pieces. */
size_t folded_encode(const struct record_key *key, uint32_t next, uint8_t *out)
{
    struct writer w = write_begin(out);
    if (next != FOLDED_WHOLE)
        write_u32(&w, next);
    return write_end(&w, TABLE_FOLDED, key);
}

bool folded_decode(const struct record_key *key, const void *value, size_t len, uint32_t *ret_next)
{
    struct parser p = parse_begin(TABLE_FOLDED, key, value, len);
    *ret_next = p.good && p.left > 0 ? parse_u32(&p) : FOLDED_WHOLE;
    return parse_end(&p);
}
