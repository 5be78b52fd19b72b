/* SPDX-License-Identifier: ISC */
/* Writes a snapshot for edges: the pieces first, then the index that names them. */
#include "common/record_bytes.h"
#include "fleet/edge_snapshot_form.h"
#include "fleet/signature.h"

#include <stdlib.h>

struct writing_edge {
    struct fleet *fleet;
    struct txn *txn;
    const struct edge_files *files;
    struct espt_error *err;
    struct ops ops; /* of the piece that is being filled */
    struct edge_piece *pieces;
    uint32_t count;
    const struct site_pieces *for_sites;
    uint8_t *changes; /* of the list of sites, as they are in the index */
    size_t changes_len;
    uint32_t change_count;
    uint64_t sites; /* number of the last of them */
    int64_t time;
    int code;
};

static int no_memory(struct writing_edge *w)
{
    return w->code = espt_fail(w->err, ESPT_UNUSABLE, "out of memory");
}

/* --- pieces --- */

static void end_piece(struct writing_edge *w)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    if (w->code != 0 || w->ops.len == 0)
        return;
    struct edge_piece *pieces = reallocarray(w->pieces, w->count + 1UL, sizeof *pieces);
    if (pieces == NULL) {
        no_memory(w);
        return;
    }
    w->pieces = pieces;
    struct edge_piece *piece = &pieces[w->count++];
    piece->len = (uint32_t)w->ops.len;
    crypto_generichash(piece->hash, FLEET_HASH_LEN, w->ops.bytes, w->ops.len, NULL, 0);
    edge_file_name(piece->len, piece->hash, name);
    w->code = w->files->put(w->files->arg, name, w->ops.bytes, w->ops.len, w->err);
    w->ops.len = 0;
}

static void add_record(struct writing_edge *w, enum table table, const struct walk *walk)
{
    const uint8_t *value = walk->value.data;
    size_t len = walk->value.len;
    uint8_t stripped[RECORD_MAX];
    if (table == TABLE_ENTITIES) {
        len = entity_strip(&walk->key, value, len, stripped);
        value = stripped;
    }
    ops_put(&w->ops, table, &walk->key, value, len);
    if (w->ops.failed)
        no_memory(w);
    if (w->ops.len >= EDGE_PIECE)
        end_piece(w);
}

/* MUST 2 of edge_snapshot.h */
static void add_tables(struct writing_edge *w)
{
    static const enum table tables[] = {TABLE_AUTH, TABLE_ENTITIES, TABLE_FOREIGN, TABLE_NAMES,
                                        TABLE_RESELLERS};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct walk walk;
        walk_begin(&walk, w->txn, tables[i], NULL, 0);
        while (w->code == 0 && walk_next(&walk))
            add_record(w, tables[i], &walk);
        walk_end(&walk);
    }
    end_piece(w);
    if (w->code == 0)
        w->code = w->txn->code;
}

/* --- the changes of the list of sites --- */

static int read_entry(struct writing_edge *w, uint64_t number, espt_journal_entry *ret)
{
    const int found = journal_read(w->fleet, number, ret, w->err);
    if (found < 0)
        w->code = found;
    else if (found == 0)
        w->code = espt_fail(w->err, ESPT_UNUSABLE,
                            "the fleet's journal lacks entry %llu, which changed the list of "
                            "sites; restore the journal from a copy",
                            (unsigned long long)number);
    return w->code;
}

static void add_change(struct writing_edge *w, uint64_t number)
{
    espt_journal_entry entry;
    if (w->code != 0 || read_entry(w, number, &entry) != 0)
        return;
    const size_t needed = w->changes_len + 8 + entry.head_len + entry.edge_len;
    uint8_t *changes = needed < ESPT_JOURNAL_ENTRY_MAX ? realloc(w->changes, needed) : NULL;
    if (changes == NULL) {
        no_memory(w);
        return;
    }
    struct writer out = {.out = changes, .len = w->changes_len};
    write_u32(&out, (uint32_t)entry.head_len);
    write_u32(&out, (uint32_t)entry.edge_len);
    write_bytes(&out, entry.head, entry.head_len);
    if (entry.edge_len > 0)
        write_bytes(&out, entry.edge, entry.edge_len);
    w->changes = changes;
    w->changes_len = out.len;
    w->change_count++;
}

/* Follows the log's chain of changes backwards. Those of edges are left out, because edges sign
   nothing and are not part of the proof. Returns how many changes of sites are newer than `known`,
   and their numbers, newest first; the caller frees them. */
static size_t new_changes(struct writing_edge *w, uint64_t known, uint64_t **ret_numbers)
{
    uint64_t *numbers = NULL, at = w->txn->state.position.sites;
    size_t count = 0;
    while (w->code == 0 && at > known) {
        struct site_change change;
        const int found = site_change_of(w->txn, at, &change);
        if (found <= 0) {
            w->code =
                found < 0 ? found : txn_damaged(w->txn, TABLE_LOG, "a change of the list of sites");
            break;
        }
        uint64_t *more = reallocarray(numbers, count + 1, sizeof *more);
        if (more == NULL) {
            no_memory(w);
            break;
        }
        numbers = more;
        if (!change.edge)
            numbers[count++] = at;
        at = change.before;
    }
    if (w->code == 0 && at != known)
        w->code =
            espt_fail(w->err, ESPT_UNUSABLE,
                      "the fleet's last snapshot has another list of sites than this store: it "
                      "is of another history; run 'esp-tokenctl fleet check'");
    *ret_numbers = numbers;
    return count;
}

static void add_changes(struct writing_edge *w, const struct edge_snapshot *before)
{
    uint64_t *numbers;
    if (before != NULL) {
        w->changes = malloc(before->changes_len + 1);
        if (w->changes == NULL) {
            no_memory(w);
            return;
        }
        memcpy(w->changes, before->changes, before->changes_len);
        w->changes_len = before->changes_len;
        w->change_count = before->change_count;
    }
    w->sites = before != NULL ? before->position.sites : 0;
    size_t left = new_changes(w, w->sites, &numbers);
    if (left > 0)
        w->sites = numbers[0];
    while (left > 0)
        add_change(w, numbers[--left]);
    free(numbers);
}

/* --- the index --- */

static void write_fields(struct writer *out, const struct writing_edge *w)
{
    const struct state_record *state = &w->txn->state;
    const struct fleet_position *position = &state->position;
    write_bytes(out, edge_magic, sizeof edge_magic);
    write_u8(out, ENTRY_FORM);
    write_text(out, ENTRY_NEEDS);
    write_bytes(out, position->id, FLEET_ID_LEN);
    write_u64(out, position->number);
    write_bytes(out, position->hash, FLEET_HASH_LEN);
    write_u64(out, (uint64_t)w->time);
    write_u64(out, state->revision);
    write_u32(out, state->next_number);
    write_bytes(out, position->sum, FLEET_HASH_LEN);
    write_bytes(out, position->edge_sum, FLEET_HASH_LEN);
    write_u64(out, w->sites);
    write_u32(out, position->reveal);
    write_bytes(out, position->tiers, FLEET_HASH_LEN);
    write_text(out, w->fleet->config->fleet_name);
    write_u32(out, w->change_count);
    write_u32(out, w->count);
    write_u32(out, w->for_sites->records);
    write_u32(out, w->for_sites->count);
}

static void write_pieces(struct writer *out, const struct edge_piece *pieces, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        write_u32(out, pieces[i].len);
        write_bytes(out, pieces[i].hash, FLEET_HASH_LEN);
    }
}

static void put_index(struct writing_edge *w, struct head_snapshot *ret)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    const size_t room = EDGE_FIXED_MAX + w->changes_len + crypto_sign_BYTES +
                        ((size_t)w->count + w->for_sites->count) * EDGE_PIECE_ENTRY;
    uint8_t *bytes = room <= ESPT_JOURNAL_ENTRY_MAX ? malloc(room) : NULL;
    if (bytes == NULL) {
        no_memory(w);
        return;
    }
    struct writer out = {.out = bytes};
    write_fields(&out, w);
    if (w->changes_len > 0)
        write_bytes(&out, w->changes, w->changes_len);
    write_pieces(&out, w->pieces, w->count);
    write_pieces(&out, w->for_sites->items, w->for_sites->count);
    signature_make(edge_label, bytes, out.len, w->fleet->secret, bytes + out.len);
    *ret = (struct head_snapshot){.number = w->txn->state.position.number,
                                  .len = (uint32_t)(out.len + crypto_sign_BYTES)};
    crypto_generichash(ret->hash, sizeof ret->hash, bytes, ret->len, NULL, 0);
    edge_file_name(ret->len, ret->hash, name);
    w->code = w->files->put(w->files->arg, name, bytes, ret->len, w->err);
    free(bytes);
}

/* The time that the last entry was signed with. */
static void read_time(struct writing_edge *w)
{
    espt_journal_entry pieces;
    struct entry entry;
    char needs[ENTRY_NEEDS_MAX + 1];
    const struct fleet_position *position = &w->txn->state.position;
    const int found = journal_read(w->fleet, position->number, &pieces, w->err);
    if (found < 0)
        w->code = found;
    else if (found == 0 || entry_decode(&pieces, ESPT_JOURNAL_EDGE, &entry, needs) != ENTRY_GOOD ||
             memcmp(entry.hash, position->hash, sizeof entry.hash) != 0)
        w->code =
            espt_fail(w->err, ESPT_UNUSABLE,
                      "the fleet's journal does not have entry %llu as this store has it; run "
                      "'esp-tokenctl fleet status'",
                      (unsigned long long)position->number);
    else
        w->time = entry.time;
}

int edge_snapshot_write(struct fleet *fleet, struct txn *txn, const struct edge_snapshot *before,
                        const struct site_pieces *for_sites, const struct edge_files *files,
                        struct head_snapshot *ret, struct espt_error *err)
{
    static const struct site_pieces none;
    struct writing_edge w = {.fleet = fleet,
                             .txn = txn,
                             .files = files,
                             .for_sites = for_sites != NULL ? for_sites : &none,
                             .err = err};
    read_time(&w);
    if (w.code == 0)
        add_tables(&w);
    if (w.code == 0)
        add_changes(&w, before);
    if (w.code == 0)
        put_index(&w, ret);
    ops_clear(&w.ops);
    free(w.pieces);
    free(w.changes);
    return w.code;
}
