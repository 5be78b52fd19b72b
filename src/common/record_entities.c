/* SPDX-License-Identifier: ISC */
/* The records of entities and resellers. */
#include "common/record_bytes.h"

/* Bits 1 and 2 hold enum off_by. Schema 2 had bit 0 only. */
enum {
    ENTITY_ACTIVE = 1,
    ENTITY_OFF_SHIFT = 1,
    ENTITY_OFF = 3 << ENTITY_OFF_SHIFT,
    ENTITY_CONTACT = 8,
    ENTITY_FLAGS = 15
};

size_t entity_encode(const struct record_key *key, const struct entity_record *in, uint8_t *out)
{
    struct writer w = write_begin(out);
    const bool has_contact = in->contact[0] != '\0';
    write_u8(&w, (uint8_t)in->kind);
    write_u8(&w,
             (uint8_t)((in->active ? ENTITY_ACTIVE : 0) | (unsigned)in->off_by << ENTITY_OFF_SHIFT |
                       (has_contact ? ENTITY_CONTACT : 0)));
    write_u32(&w, in->reseller);
    write_u32(&w, in->tokens);
    write_u32(&w, in->customers);
    write_u64(&w, (uint64_t)in->created);
    write_text(&w, in->name);
    write_text(&w, in->tier);
    if (has_contact)
        write_text(&w, in->contact);
    return write_end(&w, TABLE_ENTITIES, key);
}

bool entity_decode(const struct record_key *key, const void *value, size_t len,
                   struct entity_record *ret)
{
    struct parser p = parse_begin(TABLE_ENTITIES, key, value, len);
    uint8_t kind = parse_u8(&p);
    const uint8_t flags = parse_u8(&p);
    const bool is_old = p.version < RECORD_VERSION;
    ret->kind = kind == KIND_RESELLER ? KIND_RESELLER : KIND_CUSTOMER;
    ret->active = (flags & ENTITY_ACTIVE) != 0;
    ret->off_by = (enum off_by)((flags & ENTITY_OFF) >> ENTITY_OFF_SHIFT);
    if (is_old && !ret->active)
        ret->off_by = OFF_PLATFORM;
    ret->reseller = parse_u32(&p);
    ret->tokens = parse_u32(&p);
    ret->customers = parse_u32(&p);
    ret->created = (int64_t)parse_u64(&p);
    parse_text(&p, ret->name, ENTITY_NAME_MAX, entity_name_ok);
    parse_text(&p, ret->tier, TIER_NAME_MAX, tier_name_ok);
    ret->contact[0] = '\0';
    if ((flags & ENTITY_CONTACT) != 0)
        parse_text(&p, ret->contact, NOTE_MAX, note_ok);
    return parse_end(&p) && kind == (uint8_t)ret->kind &&
           flags <= (is_old ? ENTITY_ACTIVE : ENTITY_FLAGS) &&
           ret->active == (ret->off_by == OFF_NOBODY) &&
           (ret->contact[0] != '\0') == ((flags & ENTITY_CONTACT) != 0);
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
