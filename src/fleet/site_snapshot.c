/* SPDX-License-Identifier: ISC */
#include "fleet/site_snapshot.h"

#include "fleet/snapshot_form.h"
#include "fleet/sum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void site_file_name(const struct edge_piece *piece, char ret_name[static ESPT_JOURNAL_NAME_MAX + 1])
{
    char hex[2 * FLEET_HASH_LEN + 1];
    sodium_bin2hex(hex, sizeof hex, piece->hash, FLEET_HASH_LEN);
    snprintf(ret_name, ESPT_JOURNAL_NAME_MAX + 1, "site-%lu-%s", (unsigned long)piece->len, hex);
}

void site_pieces_clear(struct site_pieces *pieces)
{
    free(pieces->items);
    *pieces = (struct site_pieces){0};
}

static bool holds(const struct edge_snapshot *snapshot, const struct edge_piece *piece)
{
    for (uint32_t i = 0; snapshot != NULL && i < snapshot->site_count; i++) {
        if (snapshot->site_pieces[i].len == piece->len &&
            memcmp(snapshot->site_pieces[i].hash, piece->hash, sizeof piece->hash) == 0)
            return true;
    }
    return false;
}

static void show_life(const struct fleet *fleet)
{
    if (fleet->alive != NULL)
        fleet->alive();
}

/* --- writing --- */

struct writing_site {
    struct fleet *fleet;
    const struct edge_snapshot *known;
    struct site_pieces *pieces;
};

static int put_piece(void *arg, const uint8_t *bytes, size_t len, struct espt_error *err)
{
    const struct writing_site *w = arg;
    struct site_pieces *pieces = w->pieces;
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    struct edge_piece *more = reallocarray(pieces->items, pieces->count + 1UL, sizeof *more);
    if (more == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    pieces->items = more;
    pieces->records += bytes[0] != (uint8_t)table_name(TABLE_LOG)[0];
    struct edge_piece *piece = &more[pieces->count++];
    piece->len = (uint32_t)len;
    crypto_generichash(piece->hash, sizeof piece->hash, bytes, len, NULL, 0);
    show_life(w->fleet);
    if (holds(w->known, piece))
        return 0;
    site_file_name(piece, name);
    return journal_put(w->fleet, name, bytes, len, err);
}

int site_snapshot_write(struct fleet *fleet, struct txn *txn, const struct edge_snapshot *known,
                        struct site_pieces *ret, struct espt_error *err)
{
    struct writing_site w = {fleet, known, ret};
    *ret = (struct site_pieces){0};
    int code = snapshot_pieces(txn, false, put_piece, &w, err);
    if (code != 0)
        site_pieces_clear(ret);
    return code;
}

/* --- reading --- */

/* MUST 1 */
static int read_piece(struct fleet *fleet, const struct edge_piece *piece, snapshot_fn fn,
                      void *arg, struct espt_error *err)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    uint8_t hash[FLEET_HASH_LEN];
    const uint8_t *bytes;
    size_t len;
    site_file_name(piece, name);
    const int found = journal_get(fleet, name, &bytes, &len, err);
    if (found < 0)
        return found;
    if (found == 0)
        return snapshot_damaged(err, "lacks a piece");
    crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0);
    if (len != piece->len || memcmp(hash, piece->hash, sizeof hash) != 0)
        return snapshot_damaged(err, "is damaged");
    show_life(fleet);
    return snapshot_piece_each(bytes, len, fn, arg, err);
}

int site_snapshot_each(struct fleet *fleet, const struct edge_snapshot *snapshot, snapshot_fn fn,
                       void *arg, struct espt_error *err)
{
    int code = 0;
    for (uint32_t i = 0; code == 0 && i < snapshot->site_count; i++)
        code = read_piece(fleet, &snapshot->site_pieces[i], fn, arg, err);
    return code;
}

static int add_record(void *arg, enum table table, const struct record_key *key,
                      const uint8_t *value, size_t len, struct espt_error *err)
{
    struct sums *sums = arg;
    (void)err;
    if (table != TABLE_LOG)
        sums_add(sums, table, key, value, len);
    return 0;
}

int site_snapshot_prove(struct fleet *fleet, const struct edge_snapshot *snapshot,
                        const struct edge_snapshot *known, struct espt_error *err)
{
    struct sums sums = {0};
    int code = 0;
    for (uint32_t i = 0; code == 0 && i < snapshot->site_count; i++) {
        const struct edge_piece *piece = &snapshot->site_pieces[i];
        if (i < snapshot->site_records || !holds(known, piece))
            code = read_piece(fleet, piece, add_record, &sums, err);
    }
    if (code == 0 && memcmp(sums.all, snapshot->position.sum, sizeof sums.all) != 0)
        code = snapshot_damaged(err, "holds other records than its sum says");
    return code;
}
