/* SPDX-License-Identifier: ISC */
/* Reads a snapshot for edges, of any origin. */
#include "fleet/edge_snapshot.h"

#include "common/record_bytes.h"
#include "fleet/edge_snapshot_form.h"
#include "fleet/signature.h"
#include "fleet/sum.h"

#include <stdio.h>
#include <stdlib.h>

void edge_file_name(uint32_t len, const uint8_t hash[static FLEET_HASH_LEN],
                    char ret_name[static ESPT_JOURNAL_NAME_MAX + 1])
{
    char hex[2 * FLEET_HASH_LEN + 1];
    sodium_bin2hex(hex, sizeof hex, hash, FLEET_HASH_LEN);
    snprintf(ret_name, ESPT_JOURNAL_NAME_MAX + 1, "edge-%lu-%s", (unsigned long)len, hex);
}

static int journal_file_get(void *arg, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
                            struct espt_error *err)
{
    return journal_get(arg, name, ret_bytes, ret_len, err);
}

static int journal_file_put(void *arg, const char *name, const uint8_t *bytes, size_t len,
                            struct espt_error *err)
{
    return journal_put(arg, name, bytes, len, err);
}

struct edge_files edge_files_of(struct fleet *fleet)
{
    return (struct edge_files){.arg = fleet, .get = journal_file_get, .put = journal_file_put};
}

static int faulty(struct espt_error *err, const char *what)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "the fleet's snapshot for edges %s; nothing was changed; try again, and if it "
                     "stays so, restart 'esp-tokenctl fleet publish' at a site",
                     what);
}

/* MUST 1 */
static int get_file(const struct edge_files *files, uint32_t len,
                    const uint8_t hash[static FLEET_HASH_LEN], const uint8_t **ret_bytes,
                    struct espt_error *err)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    uint8_t found_hash[FLEET_HASH_LEN];
    size_t found_len = 0;
    edge_file_name(len, hash, name);
    const int found = files->get(files->arg, name, ret_bytes, &found_len, err);
    if (found < 0)
        return found;
    if (found == 0)
        return faulty(err, "lacks a piece");
    crypto_generichash(found_hash, sizeof found_hash, *ret_bytes, found_len, NULL, 0);
    return found_len == len && memcmp(found_hash, hash, sizeof found_hash) == 0
               ? 0
               : faulty(err, "is damaged");
}

/* --- the list of sites --- */

static int by_name(const void *one, const void *other)
{
    return strcmp(((const struct site *)one)->name, ((const struct site *)other)->name);
}

static struct site *find_site(struct sites *sites, const char *name)
{
    for (size_t i = 0; i < sites->count; i++) {
        if (strcmp(sites->items[i].name, name) == 0)
            return &sites->items[i];
    }
    return NULL;
}

/* Applies one operation to the list. False: it does not fit the list. */
static bool change_sites(struct sites *sites, const struct op *op, uint64_t number)
{
    struct site *site = find_site(sites, op->site);
    if (op->kind == OP_SITE_ADD && site == NULL && sites->count < SITES_MAX) {
        site = &sites->items[sites->count++];
        *site = (struct site){.since = number};
        memcpy(site->name, op->site, sizeof site->name);
        memcpy(site->key, op->site_key, sizeof site->key);
        return true;
    }
    if (op->kind != OP_SITE_REMOVE || site == NULL)
        return false;
    *site = sites->items[--sites->count];
    return true;
}

/* An entry that changes the list, signed by a site that could write before it. */
static bool take_change(struct edge_snapshot *snapshot, const struct fleet_trust *trust,
                        const espt_journal_entry *pieces)
{
    struct sites *sites = &snapshot->sites;
    struct ops_reader reader;
    struct entry entry;
    struct op op;
    char needs[ENTRY_NEEDS_MAX + 1];
    if (entry_decode(pieces, ESPT_JOURNAL_EDGE, &entry, needs) != ENTRY_GOOD ||
        memcmp(entry.fleet, trust->id, sizeof entry.fleet) != 0 || entry.number <= sites->from)
        return false;
    const bool first = sites->from == 0;
    const struct site *site = first ? NULL : sites_find(sites, entry.site);
    if (first != sodium_is_zero(entry.before, sizeof entry.before) || (!first && site == NULL) ||
        !entry_signed_by(pieces, first ? trust->key : site->key))
        return false;
    ops_begin(&reader, PART_EDGE, &entry.part[PART_EDGE]);
    bool changed = false;
    while (ops_next(&reader, &op) && (op.kind == OP_SITE_ADD || op.kind == OP_SITE_REMOVE)) {
        if (!change_sites(sites, &op, entry.number))
            return false;
        changed = true;
    }
    sites->from = entry.number;
    return changed && !reader.wrong;
}

static bool parse_changes(struct parser *p, struct edge_snapshot *ret,
                          const struct fleet_trust *trust)
{
    ret->changes = p->in;
    for (uint32_t i = 0; i < ret->change_count; i++) {
        espt_journal_entry pieces = {0};
        pieces.head_len = parse_u32(p);
        pieces.edge_len = parse_u32(p);
        if (!p->good || pieces.head_len > p->left || pieces.edge_len > p->left - pieces.head_len)
            return false;
        pieces.head = p->in;
        pieces.edge = p->in + pieces.head_len;
        p->in += pieces.head_len + pieces.edge_len;
        p->left -= pieces.head_len + pieces.edge_len;
        if (!take_change(ret, trust, &pieces))
            return false;
    }
    ret->changes_len = (size_t)(p->in - ret->changes);
    return ret->sites.from == ret->position.sites && ret->sites.count > 0;
}

bool site_changes_next(struct site_changes *changes)
{
    const struct edge_snapshot *snapshot = changes->snapshot;
    struct parser p = {.in = snapshot->changes + changes->at,
                       .left = snapshot->changes_len - changes->at,
                       .good = true};
    espt_journal_entry pieces = {0};
    struct entry entry;
    struct ops_reader reader;
    struct op op;
    char needs[ENTRY_NEEDS_MAX + 1];
    pieces.head_len = parse_u32(&p);
    pieces.edge_len = parse_u32(&p);
    pieces.head = p.in;
    pieces.edge = p.in + pieces.head_len;
    if (!p.good || entry_decode(&pieces, ESPT_JOURNAL_EDGE, &entry, needs) != ENTRY_GOOD)
        return false;
    ops_begin(&reader, PART_EDGE, &entry.part[PART_EDGE]);
    if (!ops_next(&reader, &op))
        return false;
    changes->change =
        (struct site_change){.added = op.kind == OP_SITE_ADD, .before = changes->number};
    memcpy(changes->change.name, op.site, sizeof changes->change.name);
    memcpy(changes->change.key, op.site_key, sizeof changes->change.key);
    changes->number = entry.number;
    changes->at += 8 + pieces.head_len + pieces.edge_len;
    return true;
}

/* --- the index --- */

static void parse_fields(struct parser *p, struct edge_snapshot *ret)
{
    struct fleet_position *position = &ret->position;
    parse_bytes(p, position->id, FLEET_ID_LEN);
    position->number = parse_u64(p);
    parse_bytes(p, position->hash, FLEET_HASH_LEN);
    ret->time = (int64_t)parse_u64(p);
    ret->revision = parse_u64(p);
    ret->next_number = parse_u32(p);
    parse_bytes(p, position->sum, FLEET_HASH_LEN);
    parse_bytes(p, position->edge_sum, FLEET_HASH_LEN);
    position->sites = parse_u64(p);
    position->reveal = parse_u32(p);
    parse_bytes(p, position->tiers, FLEET_HASH_LEN);
    parse_text(p, ret->site, SITE_NAME_MAX, entity_name_ok);
    ret->change_count = parse_u32(p);
    ret->count = parse_u32(p);
    ret->site_records = parse_u32(p);
    ret->site_count = parse_u32(p);
}

static int parse_pieces(struct parser *p, struct edge_snapshot *ret, struct espt_error *err)
{
    const size_t all = (size_t)ret->count + ret->site_count;
    if (p->left != all * EDGE_PIECE_ENTRY)
        return faulty(err, "is damaged");
    ret->pieces = calloc(all + 1, sizeof *ret->pieces);
    if (ret->pieces == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    ret->site_pieces = ret->pieces + ret->count;
    for (size_t i = 0; i < all; i++) {
        ret->pieces[i].len = parse_u32(p);
        parse_bytes(p, ret->pieces[i].hash, FLEET_HASH_LEN);
    }
    return 0;
}

static int parse_index(struct edge_snapshot *ret, const struct fleet_trust *trust,
                       struct espt_error *err)
{
    const size_t end = ret->len - crypto_sign_BYTES;
    struct parser p = {.in = ret->index, .left = end, .good = true};
    uint8_t begin[sizeof edge_magic];
    char needs[ENTRY_NEEDS_MAX + 1];
    parse_bytes(&p, begin, sizeof begin);
    const uint8_t form = parse_u8(&p);
    entry_parse_needs(&p, needs);
    if (!p.good || memcmp(begin, edge_magic, sizeof begin) != 0 || form < ENTRY_FORM)
        return faulty(err, "is damaged");
    if (form > ENTRY_FORM)
        return espt_fail(err, ESPT_UNUSABLE,
                         "the fleet's snapshot for edges needs esp-token %s or later; upgrade this "
                         "machine",
                         needs);
    parse_fields(&p, ret);
    if (!p.good || ret->time <= 0 || ret->next_number == 0)
        return faulty(err, "is damaged");
    if (memcmp(ret->position.id, trust->id, FLEET_ID_LEN) != 0)
        return faulty(err, "belongs to another fleet");
    if (!parse_changes(&p, ret, trust))
        return faulty(err, "does not prove which sites may write");
    const struct site *site = sites_find(&ret->sites, ret->site);
    if (site == NULL || !signature_good(edge_label, ret->index, end, ret->index + end, site->key))
        return faulty(err, "is signed by no site of the fleet");
    return parse_pieces(&p, ret, err);
}

static int copy_index(struct edge_snapshot *ret, const uint8_t *bytes, size_t len,
                      struct espt_error *err)
{
    ret->index = malloc(len);
    ret->sites.items = calloc(SITES_MAX, sizeof *ret->sites.items);
    if (ret->index == NULL || ret->sites.items == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    memcpy(ret->index, bytes, len);
    ret->len = len;
    return 0;
}

int edge_snapshot_open(struct edge_snapshot *ret, const struct edge_files *files,
                       const struct head_snapshot *which, const struct fleet_trust *trust,
                       struct espt_error *err)
{
    const uint8_t *bytes;
    struct edge_snapshot snapshot = {0};
    *ret = (struct edge_snapshot){0};
    int code = get_file(files, which->len, which->hash, &bytes, err);
    if (code == 0 && which->len <= crypto_sign_BYTES)
        code = faulty(err, "is damaged");
    if (code == 0)
        code = copy_index(&snapshot, bytes, which->len, err);
    if (code == 0)
        code = parse_index(&snapshot, trust, err);
    if (code == 0 && snapshot.position.number != which->number)
        code = faulty(err, "stands at another entry than the head says");
    if (code != 0) {
        edge_snapshot_clear(&snapshot);
        return code;
    }
    qsort(snapshot.sites.items, snapshot.sites.count, sizeof *snapshot.sites.items, by_name);
    *ret = snapshot;
    return 0;
}

void edge_snapshot_clear(struct edge_snapshot *snapshot)
{
    sites_clear(&snapshot->sites);
    free(snapshot->pieces);
    free(snapshot->index);
    *snapshot = (struct edge_snapshot){0};
}

/* --- the pieces --- */

/* MUST 2. `last` is the record before, so that the order holds across pieces too. */
static int each_record(const struct entry_bytes *piece, struct op *last, edge_record_fn fn,
                       void *arg, struct espt_error *err)
{
    struct ops_reader reader;
    struct op op;
    int code = 0;
    ops_begin(&reader, PART_EDGE, piece);
    reader.last = *last;
    while (code == 0 && ops_next(&reader, &op))
        code = op.kind == OP_PUT ? fn(arg, &op, err) : faulty(err, "is damaged");
    *last = reader.last;
    return code == 0 && reader.wrong ? faulty(err, "is damaged") : code;
}

int edge_snapshot_each(const struct edge_snapshot *snapshot, const struct edge_files *files,
                       edge_record_fn fn, void *arg, struct espt_error *err)
{
    struct op last = {0};
    int code = 0;
    for (uint32_t i = 0; code == 0 && i < snapshot->count; i++) {
        struct entry_bytes piece = {.len = snapshot->pieces[i].len};
        code = get_file(files, snapshot->pieces[i].len, snapshot->pieces[i].hash, &piece.at, err);
        if (code == 0)
            code = each_record(&piece, &last, fn, arg, err);
    }
    return code;
}

static int add_record(void *arg, const struct op *op, struct espt_error *err)
{
    (void)err;
    sums_add(arg, op->table, &op->key, op->value, op->len);
    return 0;
}

int edge_snapshot_prove(const struct edge_snapshot *snapshot, const struct edge_files *files,
                        struct espt_error *err)
{
    struct sums sums = {0};
    const int code = edge_snapshot_each(snapshot, files, add_record, &sums, err);
    if (code == 0 && memcmp(sums.edge, snapshot->position.edge_sum, sizeof sums.edge) != 0)
        return faulty(err, "holds other records than its sum says");
    return code;
}
