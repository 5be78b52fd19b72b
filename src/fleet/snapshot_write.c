/* SPDX-License-Identifier: ISC */
/* Writes a snapshot: its pieces, and the head of the first one. */
#include "common/record_bytes.h"
#include "fleet/ops.h"
#include "fleet/signature.h"
#include "fleet/snapshot_form.h"
#include "fleet/sum.h"

#include <stdlib.h>

struct writing_pieces {
    snapshot_piece_fn put;
    void *arg;
    bool edge;
    uint8_t *bytes; /* of the piece that is being filled */
    size_t len, room;
    struct espt_error *err;
    int code;
};

/* --- pieces --- */

static void end_piece(struct writing_pieces *w)
{
    if (w->code == 0 && w->len > 0)
        w->code = w->put(w->arg, w->bytes, w->len, w->err);
    w->len = 0;
}

/* A record is longer than a piece only if it is an entry of the log. */
static void add_record(struct writing_pieces *w, enum table table, const struct record_key *key,
                       const struct record_value *value)
{
    const size_t needed = 2 + key->len + 4 + value->len;
    if (w->len > 0 && w->len + needed > SNAPSHOT_PIECE)
        end_piece(w);
    if (w->code == 0 && (w->bytes == NULL || w->len + needed > w->room)) {
        uint8_t *bytes = realloc(w->bytes, w->len + needed + SNAPSHOT_PIECE);
        if (bytes == NULL) {
            w->code = espt_fail(w->err, ESPT_UNUSABLE, "out of memory");
            return;
        }
        w->bytes = bytes;
        w->room = w->len + needed + SNAPSHOT_PIECE;
    }
    if (w->code != 0)
        return;
    struct writer out = {.out = w->bytes, .len = w->len};
    write_u8(&out, (uint8_t)table_name(table)[0]);
    write_u8(&out, (uint8_t)key->len);
    write_bytes(&out, key->bytes, key->len);
    write_u32(&out, (uint32_t)value->len);
    write_bytes(&out, value->data, value->len);
    w->len = out.len;
}

static void add_table(struct writing_pieces *w, struct txn *txn, enum table table)
{
    struct walk walk;
    uint8_t stripped[RECORD_MAX];
    walk_begin(&walk, txn, table, NULL, 0);
    while (w->code == 0 && walk_next(&walk)) {
        struct record_value value = walk.value;
        if (w->edge && table == TABLE_ENTITIES) {
            value.len = entity_strip(&walk.key, walk.value.data, walk.value.len, stripped);
            value.data = stripped;
        }
        add_record(w, table, &walk.key, &value);
    }
    walk_end(&walk);
}

int snapshot_pieces(struct txn *txn, bool edge, snapshot_piece_fn put, void *arg,
                    struct espt_error *err)
{
    struct writing_pieces w = {.put = put, .arg = arg, .edge = edge, .err = err};
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        if (edge ? part_has(PART_EDGE, t) : table_shared(t))
            add_table(&w, txn, t);
    }
    end_piece(&w);
    if (!edge)
        add_table(&w, txn, TABLE_LOG);
    end_piece(&w);
    if (w.bytes != NULL)
        sodium_memzero(w.bytes, w.room);
    free(w.bytes);
    return w.code != 0 ? w.code : txn->code;
}

/* --- the first snapshot --- */

struct first_snapshot {
    struct fleet *fleet;
    struct fleet_snapshot *snapshot;
};

static bool add_hash(struct fleet_snapshot *snapshot, const uint8_t *bytes, size_t len)
{
    void *hashes = reallocarray(snapshot->hashes, snapshot->pieces + 1UL, sizeof *snapshot->hashes);
    if (hashes == NULL)
        return false;
    snapshot->hashes = hashes;
    crypto_generichash(snapshot->hashes[snapshot->pieces++], FLEET_HASH_LEN, bytes, len, NULL, 0);
    return true;
}

static int put_piece(void *arg, const uint8_t *bytes, size_t len, struct espt_error *err)
{
    const struct first_snapshot *first = arg;
    struct fleet_snapshot *snapshot = first->snapshot;
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    snapshot_name(snapshot->position.id, snapshot->edge, (int64_t)snapshot->pieces, name);
    if (!add_hash(snapshot, bytes, len) || snapshot->pieces > SNAPSHOT_PIECES_MAX)
        return espt_fail(err, ESPT_UNUSABLE, "the store is too large for a snapshot");
    return journal_put(first->fleet, name, bytes, len, err);
}

static int put_head(struct fleet *fleet, const struct fleet_snapshot *snapshot,
                    struct espt_error *err)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    const size_t room = SNAPSHOT_HEAD_MAX + snapshot->pieces * FLEET_HASH_LEN + crypto_sign_BYTES;
    uint8_t *bytes = malloc(room);
    if (bytes == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    size_t len = snapshot_encode_head(snapshot, bytes);
    signature_make(SNAPSHOT_LABEL, bytes, len, fleet->secret, bytes + len);
    len += crypto_sign_BYTES;
    snapshot_name(snapshot->position.id, snapshot->edge, -1, name);
    int code = journal_put(fleet, name, bytes, len, err);
    free(bytes);
    return code;
}

int snapshot_write(struct fleet *fleet, struct txn *txn, const struct fleet_position *position,
                   bool edge, struct espt_error *err)
{
    struct fleet_snapshot snapshot = {.edge = edge,
                                      .position = *position,
                                      .revision = txn->state.revision,
                                      .next_number = txn->state.next_number};
    struct first_snapshot first = {fleet, &snapshot};
    if (edge)
        memcpy(snapshot.position.sum, position->edge_sum, sizeof snapshot.position.sum);
    int code = snapshot_pieces(txn, edge, put_piece, &first, err);
    if (code == 0)
        code = put_head(fleet, &snapshot, err);
    snapshot_clear(&snapshot);
    return code;
}
