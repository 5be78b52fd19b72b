/* SPDX-License-Identifier: ISC */
/* Reads a snapshot of any origin. */
#include "fleet/snapshot.h"

#include "common/record_bytes.h"
#include "fleet/ops.h"
#include "fleet/signature.h"
#include "fleet/snapshot_form.h"
#include "fleet/sum.h"

#include <stdio.h>
#include <stdlib.h>

static const uint8_t magic[4] = {'E', 'S', 'P', 'S'};

void snapshot_name(const uint8_t id[static FLEET_ID_LEN], bool edge, int64_t piece,
                   char ret_name[static ESPT_JOURNAL_NAME_MAX + 1])
{
    char hex[2 * FLEET_ID_LEN + 1];
    sodium_bin2hex(hex, sizeof hex, id, FLEET_ID_LEN);
    const char *whose = edge ? "edge-" : "";
    if (piece < 0)
        snprintf(ret_name, ESPT_JOURNAL_NAME_MAX + 1, "%s%s-snapshot", whose, hex);
    else
        snprintf(ret_name, ESPT_JOURNAL_NAME_MAX + 1, "%s%s-%lld", whose, hex, (long long)piece);
}

size_t snapshot_encode_head(const struct fleet_snapshot *snapshot, uint8_t *out)
{
    const struct fleet_position *position = &snapshot->position;
    struct writer w = {.out = out};
    write_bytes(&w, magic, sizeof magic);
    write_u8(&w, ENTRY_FORM);
    write_text(&w, ENTRY_NEEDS);
    write_bytes(&w, position->id, FLEET_ID_LEN);
    write_u8(&w, snapshot->edge);
    write_u64(&w, position->number);
    write_bytes(&w, position->hash, FLEET_HASH_LEN);
    write_bytes(&w, position->sum, FLEET_HASH_LEN);
    write_u64(&w, position->sites);
    write_u32(&w, position->reveal);
    write_bytes(&w, position->tiers, FLEET_HASH_LEN);
    write_u64(&w, snapshot->revision);
    write_u32(&w, snapshot->next_number);
    write_u32(&w, snapshot->pieces);
    for (uint32_t i = 0; i < snapshot->pieces; i++)
        write_bytes(&w, snapshot->hashes[i], FLEET_HASH_LEN);
    return w.len;
}

/* --- the head --- */

int snapshot_damaged(struct espt_error *err, const char *what)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "the snapshot in the fleet's journal %s; nothing was changed; restore the "
                     "journal from a copy",
                     what);
}

static int parse_hashes(struct parser *p, struct fleet_snapshot *ret, struct espt_error *err)
{
    if (!p->good || ret->pieces > SNAPSHOT_PIECES_MAX ||
        p->left != (size_t)ret->pieces * FLEET_HASH_LEN)
        return snapshot_damaged(err, "is damaged");
    ret->hashes = calloc(ret->pieces + 1UL, sizeof *ret->hashes);
    if (ret->hashes == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    for (uint32_t i = 0; i < ret->pieces; i++)
        parse_bytes(p, ret->hashes[i], FLEET_HASH_LEN);
    return 0;
}

static void parse_position(struct parser *p, struct fleet_snapshot *ret)
{
    struct fleet_position *position = &ret->position;
    parse_bytes(p, position->id, FLEET_ID_LEN);
    const uint8_t edge = parse_u8(p);
    ret->edge = edge == 1;
    p->good = p->good && edge <= 1;
    position->number = parse_u64(p);
    parse_bytes(p, position->hash, FLEET_HASH_LEN);
    parse_bytes(p, position->sum, FLEET_HASH_LEN);
    position->sites = parse_u64(p);
    position->reveal = parse_u32(p);
    parse_bytes(p, position->tiers, FLEET_HASH_LEN);
}

static int parse_head(struct parser *p, struct fleet_snapshot *ret, struct espt_error *err)
{
    uint8_t begin[sizeof magic];
    char needs[ENTRY_NEEDS_MAX + 1];
    parse_bytes(p, begin, sizeof begin);
    const uint8_t form = parse_u8(p);
    entry_parse_needs(p, needs);
    if (!p->good || memcmp(begin, magic, sizeof magic) != 0)
        return snapshot_damaged(err, "is damaged");
    if (form != ENTRY_FORM)
        return espt_fail(err, ESPT_UNUSABLE,
                         "the snapshot in the fleet's journal needs esp-token %s or later; upgrade "
                         "this machine",
                         needs);
    parse_position(p, ret);
    ret->revision = parse_u64(p);
    ret->next_number = parse_u32(p);
    ret->pieces = parse_u32(p);
    return parse_hashes(p, ret, err);
}

static const char *misplaced(const struct fleet *fleet, const struct fleet_trust *trust,
                             const struct fleet_snapshot *snapshot)
{
    if (memcmp(snapshot->position.id, trust->id, FLEET_ID_LEN) != 0)
        return "belongs to another fleet";
    return snapshot->edge != fleet_is_edge(fleet) ? "is that of another kind of member" : NULL;
}

int snapshot_open(struct fleet *fleet, const struct fleet_trust *trust, struct fleet_snapshot *ret,
                  struct espt_error *err)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    const uint8_t *bytes;
    size_t len;
    snapshot_name(trust->id, fleet_is_edge(fleet), -1, name);
    const int found = journal_get(fleet, name, &bytes, &len, err);
    if (found < 0)
        return found;
    if (found == 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "the journal does not hold the fleet that %s names; check %s",
                         fleet->config->fleet_trust, fleet->config->fleet_settings);
    if (len <= crypto_sign_BYTES)
        return snapshot_damaged(err, "is damaged");
    const size_t head = len - crypto_sign_BYTES;
    if (!signature_good(SNAPSHOT_LABEL, bytes, head, bytes + head, trust->key))
        return snapshot_damaged(err, "is not signed by the fleet's first site");
    struct parser p = {.in = bytes, .left = head, .good = true};
    struct fleet_snapshot snapshot = {0};
    int code = parse_head(&p, &snapshot, err);
    const char *fault = code == 0 ? misplaced(fleet, trust, &snapshot) : NULL;
    if (fault != NULL)
        code = snapshot_damaged(err, fault);
    if (code == 0)
        *ret = snapshot;
    else
        snapshot_clear(&snapshot);
    return code;
}

void snapshot_clear(struct fleet_snapshot *snapshot)
{
    free(snapshot->hashes);
    *snapshot = (struct fleet_snapshot){0};
}

/* --- the pieces --- */

static bool find_table(uint8_t letter, enum table *ret)
{
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        if ((table_shared(t) || t == TABLE_LOG) && (uint8_t)table_name(t)[0] == letter) {
            *ret = t;
            return true;
        }
    }
    return false;
}

int snapshot_piece_each(const uint8_t *bytes, size_t len, snapshot_fn fn, void *arg,
                        struct espt_error *err)
{
    struct parser piece = {.in = bytes, .left = len, .good = true}, *p = &piece;
    while (p->left > 0) {
        struct record_key key;
        enum table table;
        const uint8_t letter = parse_u8(p);
        key.len = parse_u8(p);
        if (!find_table(letter, &table) || key.len > sizeof key.bytes)
            return snapshot_damaged(err, "is damaged");
        parse_bytes(p, key.bytes, key.len);
        const size_t value = parse_u32(p);
        if (!p->good || value > p->left)
            return snapshot_damaged(err, "is damaged");
        int code = fn(arg, table, &key, p->in, value, err);
        if (code != 0)
            return code;
        p->in += value;
        p->left -= value;
    }
    return 0;
}

int snapshot_each(struct fleet *fleet, const struct fleet_snapshot *snapshot, snapshot_fn fn,
                  void *arg, struct espt_error *err)
{
    for (uint32_t i = 0; i < snapshot->pieces; i++) {
        char name[ESPT_JOURNAL_NAME_MAX + 1];
        uint8_t hash[FLEET_HASH_LEN] = {0};
        const uint8_t *bytes;
        size_t len;
        snapshot_name(snapshot->position.id, snapshot->edge, i, name);
        const int found = journal_get(fleet, name, &bytes, &len, err);
        if (found < 0)
            return found;
        if (found > 0)
            crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0);
        if (found == 0 || memcmp(hash, snapshot->hashes[i], sizeof hash) != 0)
            return snapshot_damaged(err, found == 0 ? "lacks a piece" : "is damaged");
        int code = snapshot_piece_each(bytes, len, fn, arg, err);
        if (code != 0)
            return code;
    }
    return 0;
}
