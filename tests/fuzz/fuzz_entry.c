/* SPDX-License-Identifier: ISC */
/* An entry of a journal: refused, or one whose parts are in order and have one encoding. The input
   is checked as a whole entry, and as the part that its first byte chooses. */
#include "fuzz/fuzz.h"

#include "fleet/ops.h"

#include <endian.h>
#include <string.h>

static void write_again(struct ops *ops, const struct op *op)
{
    switch (op->kind) {
    case OP_PUT:
        ops_put(ops, op->table, &op->key, op->value, op->len);
        break;
    case OP_DELETE:
        ops_delete(ops, op->table, &op->key);
        break;
    case OP_FACTS: {
        uint64_t *ids = malloc(op->count * sizeof *ids);
        MUST_HOLD(ids != NULL);
        for (size_t i = 0; i < op->count; i++) {
            ids[i] = op_id(op, i);
            MUST_HOLD(i == 0 || ids[i] > ids[i - 1]);
        }
        ops_facts(ops, &op->facts, ids, op->count);
        free(ids);
        break;
    }
    case OP_SITE_ADD:
    case OP_SITE_REMOVE:
        ops_site(ops, op->site, op->kind == OP_SITE_ADD ? op->site_key : NULL);
        break;
    }
}

static void check_part(enum entry_part part, const struct entry_bytes *bytes)
{
    struct ops_reader reader;
    struct op op;
    struct ops again = {0};
    ops_begin(&reader, part, bytes);
    while (ops_next(&reader, &op)) {
        MUST_HOLD(op.kind >= OP_PUT && op.kind <= OP_SITE_REMOVE);
        MUST_HOLD((op.kind != OP_PUT && op.kind != OP_DELETE) || part_has(part, op.table));
        write_again(&again, &op);
    }
    MUST_HOLD(!again.failed && again.len <= bytes->len);
    MUST_HOLD(again.len == 0 || memcmp(again.bytes, bytes->at, again.len) == 0);
    MUST_HOLD(reader.wrong || again.len == bytes->len);
    ops_clear(&again);
}

/* Four lengths (u32), then the four pieces; whatever is left belongs to the last one. */
static bool split(const uint8_t *data, size_t size, espt_journal_entry *ret)
{
    size_t len[4], at = 16;
    const uint8_t *piece[4];
    if (size < at)
        return false;
    for (int i = 0; i < 4; i++) {
        uint32_t stored;
        memcpy(&stored, data + 4 * i, sizeof stored);
        len[i] = le32toh(stored);
        if (i == 3 || len[i] > size - at)
            len[i] = size - at;
        piece[i] = data + at;
        at += len[i];
    }
    *ret = (espt_journal_entry){.head = piece[0],
                                .head_len = len[0],
                                .log = piece[1],
                                .log_len = len[1],
                                .edge = piece[2],
                                .edge_len = len[2],
                                .vault = piece[3],
                                .vault_len = len[3]};
    return true;
}

FUZZ(entry)
{
    struct entry entry;
    char needs[ENTRY_NEEDS_MAX + 1];
    espt_journal_entry pieces;
    static const uint8_t nobody[SITE_KEY_LEN] = {9};
    if (size == 0)
        return 0;
    for (uint32_t which = ESPT_JOURNAL_WHOLE; which <= ESPT_JOURNAL_EDGE; which++) {
        if (!split(data, size, &pieces) ||
            entry_decode(&pieces, which, &entry, needs) != ENTRY_GOOD)
            continue;
        MUST_HOLD(entry.number > 0 && entity_name_ok(entry.site, strlen(entry.site)));
        MUST_HOLD(which == ESPT_JOURNAL_WHOLE || entry.part[PART_VAULT].len == 0);
        for (int i = PART_EDGE; i < PART_COUNT; i++)
            check_part((enum entry_part)i, &entry.part[i]);
        MUST_HOLD(!entry_signed_by(&pieces, nobody));
    }
    const struct entry_bytes rest = {.at = data + 1, .len = size - 1};
    check_part(data[0] % 2 == 0 ? PART_EDGE : PART_VAULT, &rest);
    return 0;
}
