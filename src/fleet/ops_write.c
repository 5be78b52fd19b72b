/* SPDX-License-Identifier: ISC */
/* Operations into bytes. */
#include "common/record_bytes.h"
#include "fleet/ops.h"

#include "espt/journal.h"

#include <stdlib.h>

/* Leaves room for the header and the other parts. */
#define PART_MAX (ESPT_JOURNAL_ENTRY_MAX / 4)

/* Reserves room for `len` more bytes. */
static bool reserve(struct ops *ops, size_t len)
{
    if (ops->failed || len > PART_MAX - ops->len) {
        ops->failed = true;
        return false;
    }
    if (ops->len + len <= ops->room)
        return true;
    const size_t room = 2 * (ops->len + len);
    uint8_t *bytes = realloc(ops->bytes, room);
    if (bytes == NULL) {
        ops->failed = true;
        return false;
    }
    ops->bytes = bytes;
    ops->room = room;
    return true;
}

static struct writer append(struct ops *ops)
{
    return (struct writer){.out = ops->bytes, .len = ops->len};
}

static void write_key(struct writer *w, enum op_kind kind, enum table table,
                      const struct record_key *key)
{
    write_u8(w, (uint8_t)kind);
    write_u8(w, (uint8_t)table_name(table)[0]);
    write_u8(w, (uint8_t)key->len);
    write_bytes(w, key->bytes, key->len);
}

void ops_put(struct ops *ops, enum table table, const struct record_key *key, const void *value,
             size_t len)
{
    if (!reserve(ops, 3 + key->len + 4 + len))
        return;
    struct writer w = append(ops);
    write_key(&w, OP_PUT, table, key);
    write_u32(&w, (uint32_t)len);
    write_bytes(&w, value, len);
    ops->len = w.len;
}

void ops_delete(struct ops *ops, enum table table, const struct record_key *key)
{
    if (!reserve(ops, 3 + key->len))
        return;
    struct writer w = append(ops);
    write_key(&w, OP_DELETE, table, key);
    ops->len = w.len;
}

void ops_facts(struct ops *ops, const struct entity_facts *facts, const uint64_t *ids, size_t count)
{
    if (!reserve(ops, 1 + 4 + 4 + 1 + 1 + 2 + ENTITY_NAME_MAX + TIER_NAME_MAX + 4 + 8 * count))
        return;
    struct writer w = append(ops);
    write_u8(&w, OP_FACTS);
    write_u32(&w, facts->entity);
    write_u32(&w, facts->reseller);
    write_u8(&w, (uint8_t)facts->kind);
    write_u8(&w, facts->active);
    write_text(&w, facts->name);
    write_text(&w, facts->tier);
    write_u32(&w, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        write_u64(&w, ids[i]);
    ops->len = w.len;
}

void ops_site(struct ops *ops, const char *name, const uint8_t *key)
{
    if (!reserve(ops, 2 + SITE_NAME_MAX + SITE_KEY_LEN))
        return;
    struct writer w = append(ops);
    write_u8(&w, key != NULL ? OP_SITE_ADD : OP_SITE_REMOVE);
    write_text(&w, name);
    if (key != NULL)
        write_bytes(&w, key, SITE_KEY_LEN);
    ops->len = w.len;
}

void ops_clear(struct ops *ops)
{
    free(ops->bytes);
    *ops = (struct ops){0};
}
