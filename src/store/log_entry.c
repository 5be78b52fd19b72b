/* SPDX-License-Identifier: ISC */
/*
 * Encodes and decodes entries of the audit log.
 *
 * An entry: version u8; time, revision u64; user, login, sudo, command, as (texts); number of
 * changes u32; each change; hash (32 bytes).
 *
 * A change: type u8; then an entity (number u32, kind u8, status u8; name, reseller, tier,
 * contact), a token (id u64, flags u8, created, expires i64; name, entity, note), or two texts. A
 * set holds the entity or token twice, before and after.
 *
 * Status is 1 if active, plus twice the number of who switched it off. Flags hold that number in
 * their bits, too. Entries of schema 2 have neither contact nor note, nor who switched something
 * off. The record's seal encloses the whole value.
 */
#include "store/log.h"

#include "common/record_bytes.h"

#include <sodium.h>
#include <stdlib.h>

enum { FLAG_ACTIVE = 1, FLAG_RETIRING = 2, FLAG_FOREIGN = 4, FLAG_OFF_SHIFT = 3 };
enum { STATUS_ACTIVE = 1, STATUS_OFF_SHIFT = 1, OFF_MASK = 3 };

/* The longest part of a change is a token. */
#define TOKEN_ROOM (8UL + 1 + 8 + 8 + 1 + TOKEN_NAME_MAX + 1 + ENTITY_NAME_MAX + 1 + NOTE_MAX)
#define CHANGE_ROOM (1 + 2 * TOKEN_ROOM)
#define ENTRY_ROOM (1 + 8 + 8 + 5 * 256 + 4 + LOG_HASH_LEN + RECORD_CHECKSUM_LEN)

_Static_assert(sizeof(((struct change *)0)->note) <= 2 * TOKEN_ROOM, "a note fits");

static void write_entity(struct writer *w, const struct entity *entity)
{
    write_u32(w, entity->number);
    write_u8(w, (uint8_t)entity->kind);
    write_u8(w, (uint8_t)((entity->active ? STATUS_ACTIVE : 0) | (unsigned)entity->off_by
                                                                     << STATUS_OFF_SHIFT));
    write_text(w, entity->name);
    write_text(w, entity->reseller);
    write_text(w, entity->tier);
    write_text(w, entity->contact);
}

static void write_token(struct writer *w, const struct token *token)
{
    write_u64(w, token->id);
    write_u8(w,
             (uint8_t)((token->active ? FLAG_ACTIVE : 0) | (token->retiring ? FLAG_RETIRING : 0) |
                       (token->foreign ? FLAG_FOREIGN : 0) |
                       (unsigned)token->off_by << FLAG_OFF_SHIFT));
    write_u64(w, (uint64_t)token->created);
    write_u64(w, (uint64_t)token->expires);
    write_text(w, token->name);
    write_text(w, token->entity);
    write_text(w, token->note);
}

static void write_change(struct writer *w, const struct change *change)
{
    const bool before = change->type != CHANGE_ENTITY_ADD && change->type != CHANGE_TOKEN_ADD;
    const bool after = change->type != CHANGE_ENTITY_REMOVE &&
                       change->type != CHANGE_TOKEN_REMOVE && change->type != CHANGE_TOKEN_REVEAL;
    write_u8(w, (uint8_t)change->type);
    switch (change->type) {
    case CHANGE_ENTITY_ADD:
    case CHANGE_ENTITY_SET:
    case CHANGE_ENTITY_REMOVE:
        if (before)
            write_entity(w, &change->entity.before);
        if (after)
            write_entity(w, &change->entity.after);
        break;
    case CHANGE_TOKEN_ADD:
    case CHANGE_TOKEN_SET:
    case CHANGE_TOKEN_REMOVE:
    case CHANGE_TOKEN_REVEAL:
        if (before)
            write_token(w, &change->token.before.token);
        if (after)
            write_token(w, &change->token.after.token);
        break;
    case CHANGE_NOTE:
        write_text(w, change->note.word);
        write_text(w, change->note.detail);
        break;
    }
}

uint8_t *log_encode(const struct log_entry *entry, const struct changes *changes, size_t *ret_len)
{
    uint8_t *out = malloc(ENTRY_ROOM + changes->count * CHANGE_ROOM);
    if (out == NULL)
        return NULL;
    struct writer w = write_begin(out);
    write_u64(&w, (uint64_t)entry->time);
    write_u64(&w, entry->revision);
    write_text(&w, entry->actor.user);
    write_text(&w, entry->actor.login);
    write_text(&w, entry->actor.sudo);
    write_text(&w, entry->actor.command);
    write_text(&w, entry->as);
    write_u32(&w, (uint32_t)changes->count);
    for (size_t i = 0; i < changes->count; i++)
        write_change(&w, &changes->items[i]);
    *ret_len = w.len;
    return out;
}

void log_hash(const uint8_t before[static LOG_HASH_LEN], uint64_t sequence, const uint8_t *bytes,
              size_t len, uint8_t ret_hash[static LOG_HASH_LEN])
{
    crypto_generichash_state state;
    uint64_t le = htole64(sequence);
    crypto_generichash_init(&state, NULL, 0, LOG_HASH_LEN);
    crypto_generichash_update(&state, before, LOG_HASH_LEN);
    crypto_generichash_update(&state, (const uint8_t *)&le, sizeof le);
    crypto_generichash_update(&state, bytes, len);
    crypto_generichash_final(&state, ret_hash, LOG_HASH_LEN);
}

size_t log_seal(const struct record_key *key, uint8_t *bytes, size_t len,
                const uint8_t hash[static LOG_HASH_LEN])
{
    struct writer w = {.out = bytes, .len = len};
    write_bytes(&w, hash, LOG_HASH_LEN);
    return write_end(&w, TABLE_LOG, key);
}

/* --- reading --- */

static void parse_entity(struct parser *p, struct entity *entity)
{
    *entity = (struct entity){.number = parse_u32(p)};
    entity->kind = parse_u8(p) == KIND_RESELLER ? KIND_RESELLER : KIND_CUSTOMER;
    const uint8_t status = parse_u8(p);
    entity->active = (status & STATUS_ACTIVE) != 0;
    entity->off_by = (enum off_by)(status >> STATUS_OFF_SHIFT & OFF_MASK);
    parse_text(p, entity->name, ENTITY_NAME_MAX, text_ok);
    parse_text(p, entity->reseller, ENTITY_NAME_MAX, text_ok);
    parse_text(p, entity->tier, TIER_NAME_MAX, text_ok);
    if (p->version == RECORD_VERSION)
        parse_text(p, entity->contact, NOTE_MAX, text_ok);
    else if (!entity->active)
        entity->off_by = OFF_PLATFORM;
}

static void parse_token(struct parser *p, struct token *token)
{
    *token = (struct token){.id = parse_u64(p)};
    const uint8_t flags = parse_u8(p);
    token->active = (flags & FLAG_ACTIVE) != 0;
    token->retiring = (flags & FLAG_RETIRING) != 0;
    token->foreign = (flags & FLAG_FOREIGN) != 0;
    token->off_by = (enum off_by)(flags >> FLAG_OFF_SHIFT & OFF_MASK);
    token->created = (int64_t)parse_u64(p);
    token->expires = (int64_t)parse_u64(p);
    parse_text(p, token->name, TOKEN_NAME_MAX, text_ok);
    parse_text(p, token->entity, ENTITY_NAME_MAX, text_ok);
    if (p->version == RECORD_VERSION)
        parse_text(p, token->note, NOTE_MAX, text_ok);
    else if (!token->active)
        token->off_by = OFF_PLATFORM;
}

static void parse_one(struct parser *p, bool is_token, struct entity *entity, struct token *token)
{
    if (is_token)
        parse_token(p, token);
    else
        parse_entity(p, entity);
}

static const struct {
    enum log_what what;
    bool is_token;
} kinds[] = {
    [CHANGE_ENTITY_ADD] = {LOG_ADD, false},       [CHANGE_ENTITY_SET] = {LOG_SET, false},
    [CHANGE_ENTITY_REMOVE] = {LOG_REMOVE, false}, [CHANGE_TOKEN_ADD] = {LOG_ADD, true},
    [CHANGE_TOKEN_SET] = {LOG_SET, true},         [CHANGE_TOKEN_REMOVE] = {LOG_REMOVE, true},
    [CHANGE_TOKEN_REVEAL] = {LOG_REVEAL, true},   [CHANGE_NOTE] = {LOG_NOTE, false},
};

static bool parse_change(struct parser *p, struct log_change *ret_change)
{
    const uint8_t type = parse_u8(p);
    if (!p->good || type >= sizeof kinds / sizeof *kinds)
        return false;
    struct log_change *change = ret_change;
    *change = (struct log_change){.what = kinds[type].what, .is_token = kinds[type].is_token};
    if (change->what == LOG_NOTE) {
        parse_text(p, change->word, sizeof change->word - 1, text_ok);
        parse_text(p, change->detail, sizeof change->detail - 1, text_ok);
    } else if (change->what != LOG_ADD) {
        parse_one(p, change->is_token, &change->before.entity, &change->before.token);
    }
    if (change->what == LOG_ADD || change->what == LOG_SET)
        parse_one(p, change->is_token, &change->after.entity, &change->after.token);
    return p->good;
}

bool log_bytes_next(const struct log_bytes *bytes, struct log_place *place,
                    struct log_change *ret_change)
{
    struct parser p = {.in = bytes->at + place->at,
                       .left = bytes->len - place->at,
                       .version = bytes->version,
                       .good = place->at < bytes->len};
    if (!parse_change(&p, ret_change))
        return false;
    place->at = bytes->len - p.left;
    return true;
}

bool log_decode(const struct record_key *key, const void *value, size_t len,
                struct log_bytes *ret_bytes, struct log_entry *ret_entry)
{
    struct parser p = parse_begin(TABLE_LOG, key, value, len);
    uint64_t sequence = 0;
    if (!p.good || key->len != sizeof sequence || p.left < LOG_HASH_LEN)
        return false;
    memcpy(&sequence, key->bytes, sizeof sequence);
    *ret_entry = (struct log_entry){.sequence = le64toh(sequence), .bytes = ret_bytes};
    p.left -= LOG_HASH_LEN;
    memcpy(ret_entry->hash, p.in + p.left, LOG_HASH_LEN);
    ret_entry->time = (int64_t)parse_u64(&p);
    ret_entry->revision = parse_u64(&p);
    parse_text(&p, ret_entry->actor.user, sizeof ret_entry->actor.user - 1, text_ok);
    parse_text(&p, ret_entry->actor.login, sizeof ret_entry->actor.login - 1, text_ok);
    parse_text(&p, ret_entry->actor.sudo, sizeof ret_entry->actor.sudo - 1, text_ok);
    parse_text(&p, ret_entry->actor.command, sizeof ret_entry->actor.command - 1, text_ok);
    parse_text(&p, ret_entry->as, ENTITY_NAME_MAX, text_ok);
    ret_entry->changes = parse_u32(&p);
    *ret_bytes = (struct log_bytes){.at = p.in, .len = p.left, .version = p.version};
    struct log_change change;
    uint32_t count = 0;
    while (p.left > 0 && parse_change(&p, &change))
        count++;
    return parse_end(&p) && count == ret_entry->changes;
}
