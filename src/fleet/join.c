/* SPDX-License-Identifier: ISC */
/*
 * join: the store becomes what the fleet's journal says, in one transaction: a snapshot, then the
 * entries after it. The snapshot is the newest, or the first one if there is no other. A kill at
 * any moment leaves the store as it was, or joined. Hosts see the new state at once, because the
 * file stays.
 */
#include "fleet/join.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define TOGETHER 4096

/* What the store had before. */
struct before {
    uint64_t *tokens; /* ids */
    size_t token_count;
    struct named {
        char name[ENTITY_NAME_MAX + 1];
    } * entities;
    size_t entity_count;
    struct log_head log;
};

/* --- what was there --- */

static bool room_for(struct txn *txn, void **items, size_t count, size_t size)
{
    if (count % TOGETHER != 0)
        return true;
    void *more = reallocarray(*items, count + TOGETHER, size);
    if (more == NULL)
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
    else
        *items = more;
    return more != NULL;
}

static void remember(struct before *before, struct txn *txn)
{
    struct walk walk;
    log_read_head(txn, &before->log);
    walk_begin(&walk, txn, TABLE_AUTH, NULL, 0);
    while (walk_next(&walk) &&
           room_for(txn, (void **)&before->tokens, before->token_count, sizeof *before->tokens)) {
        uint64_t le = 0;
        memcpy(&le, walk.key.bytes, sizeof le);
        before->tokens[before->token_count++] = le64toh(le);
    }
    walk_end(&walk);
    walk_begin(&walk, txn, TABLE_NAMES, NULL, 0);
    while (walk_next(&walk) && room_for(txn, (void **)&before->entities, before->entity_count,
                                        sizeof *before->entities)) {
        struct named *entity = &before->entities[before->entity_count++];
        const size_t len = walk.key.len <= ENTITY_NAME_MAX ? walk.key.len : (size_t)ENTITY_NAME_MAX;
        *entity = (struct named){0};
        memcpy(entity->name, walk.key.bytes, len);
    }
    walk_end(&walk);
}

static void forget(struct before *before)
{
    free(before->tokens);
    free(before->entities);
}

/* --- putting the snapshot --- */

/* The first snapshot is of no use where the entries after it were trimmed away. */
static int require_whole(struct fleet *fleet, const struct fleet_trust *trust,
                         struct espt_error *err)
{
    struct fleet_range range;
    espt_journal_entry pieces;
    struct entry entry;
    char needs[ENTRY_NEEDS_MAX + 1];
    int code = fleet_range(fleet, &range, err);
    if (code != 0 || range.first == 0)
        return code;
    const int found = journal_read(fleet, range.first, &pieces, err);
    if (found < 0)
        return found;
    if (found == 0 || entry_decode(&pieces, fleet->pieces, &entry, needs) != ENTRY_GOOD ||
        memcmp(entry.fleet, trust->id, sizeof entry.fleet) != 0 ||
        sodium_is_zero(entry.before, sizeof entry.before))
        return 0;
    return espt_fail(
        err, ESPT_UNUSABLE,
        "the fleet's journal begins at entry %llu, and its head names no snapshot to "
        "begin with; nothing was changed; start 'esp-tokenctl fleet publish' at a site",
        (unsigned long long)range.first);
}

static void take_snapshot(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust)
{
    struct fleet_snapshot snapshot;
    struct joining joining = {.fleet = fleet, .txn = txn};
    if (fleet_is_edge(fleet) ? edge_join(fleet, txn, trust, false) : site_join(fleet, txn, trust))
        return;
    int code = require_whole(fleet, trust, txn->err);
    if (code == 0)
        code = snapshot_open(fleet, trust, &snapshot, txn->err);
    if (code != 0) {
        txn->code = code;
        return;
    }
    join_clear(txn);
    code = txn->code;
    if (code == 0)
        code = snapshot_each(fleet, &snapshot, joining_put, &joining, txn->err);
    if (code == 0 && !joining_fits(&joining, snapshot.position.number, snapshot.position.sum))
        code = joining_refuse(txn->err);
    if (txn->code == 0)
        txn->code = code;
    txn->state.fleet = true;
    txn->state.edge = fleet_is_edge(fleet);
    txn->state.position = snapshot.position;
    memcpy(txn->state.position.edge_sum, joining.sums.edge, sizeof joining.sums.edge);
    txn->state.next_number = snapshot.next_number;
    if (txn->state.revision < snapshot.revision)
        txn->state.revision = snapshot.revision;
    snapshot_clear(&snapshot);
}

/* --- what would be lost --- */

static bool has_entity(struct txn *txn, const char *name)
{
    const struct record_key key = key_name(name, strlen(name));
    struct record_value value;
    return txn_get(txn, TABLE_NAMES, &key, &value) > 0;
}

static bool has_token(struct txn *txn, const struct record_key *key)
{
    struct record_value value;
    return txn_get(txn, TABLE_AUTH, key, &value) > 0;
}

static void print_add(struct fleet_lost *lost, const void *bytes, size_t len)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof lost->print);
    crypto_generichash_update(&state, lost->print, sizeof lost->print);
    crypto_generichash_update(&state, bytes, len);
    crypto_generichash_final(&state, lost->print, sizeof lost->print);
}

/* Entries of the log that the fleet does not have: those from the first that differs. */
static void lose_entries(struct fleet_lost *lost, struct txn *txn, const struct before *before)
{
    const struct record_key key = key_integer(before->log.sequence);
    struct record_value value;
    struct log_entry entry;
    struct log_bytes bytes;
    const bool same =
        before->log.sequence == 0 || (txn_get(txn, TABLE_LOG, &key, &value) > 0 &&
                                      log_decode(&key, value.data, value.len, &bytes, &entry) &&
                                      memcmp(entry.hash, before->log.hash, sizeof entry.hash) == 0);
    lost->entries = same ? 0 : before->log.sequence;
    if (!same)
        print_add(lost, &before->log, sizeof before->log);
}

static void list_lost(struct fleet_lost *lost, struct txn *txn, const struct before *before)
{
    struct name_list few = {0};
    *lost = (struct fleet_lost){0};
    for (size_t i = 0; i < before->entity_count; i++) {
        const char *name = before->entities[i].name;
        if (has_entity(txn, name))
            continue;
        lost->entities++;
        name_list_add(&few, name, NULL);
        print_add(lost, name, strlen(name) + 1);
    }
    for (size_t i = 0; i < before->token_count; i++) {
        const struct record_key key = key_integer(before->tokens[i]);
        if (has_token(txn, &key))
            continue;
        lost->tokens++;
        print_add(lost, key.bytes, key.len);
    }
    lose_entries(lost, txn, before);
    text_copy(lost->names, sizeof lost->names, few.names);
}

static void require_shown(struct txn *txn, const struct fleet_lost *shown,
                          const struct fleet_lost *lost)
{
    if (lost->entities + lost->tokens + lost->entries == 0 ||
        (shown != NULL && memcmp(shown->print, lost->print, sizeof lost->print) == 0))
        return;
    txn_fail(txn, ESPT_REFUSED,
             "this store has %llu entities, %llu tokens and a log of %llu entries that the fleet "
             "does not have; nothing was changed",
             (unsigned long long)lost->entities, (unsigned long long)lost->tokens,
             (unsigned long long)lost->entries);
}

/* --- all together --- */

static void join(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust,
                 struct fleet_lost *ret_lost)
{
    struct before before = {0};
    uint64_t count, all = 0;
    if (fleet_is_edge(fleet))
        edge_may_begin(txn);
    else
        remember(&before, txn);
    if (txn->code == 0)
        take_snapshot(fleet, txn, trust);
    do {
        replay(fleet, txn, UINT64_MAX, &count);
        all += count;
    } while (txn->code == 0 && fleet->more);
    if (txn->code == 0 && all == 0 &&
        sodium_is_zero(txn->state.position.hash, sizeof txn->state.position.hash))
        txn_fail(txn, ESPT_UNUSABLE,
                 "the fleet's journal has a snapshot and no entry after it; nothing was changed; "
                 "run 'esp-tokenctl fleet init' again at the first site");
    join_tidy(txn);
    if (txn->code == 0 && !fleet_is_edge(fleet)) /* an edge has nothing of its own */
        list_lost(ret_lost, txn, &before);
    forget(&before);
}

/* Whether only newer entries are missing. */
static bool is_joined(struct fleet *fleet, struct store *store, const struct fleet_trust *trust)
{
    struct fleet_place place;
    struct espt_error ignored;
    bool same;
    return fleet_place(store, &place, &ignored) == 0 && place.edge == fleet_is_edge(fleet) &&
           memcmp(place.position.id, trust->id, sizeof trust->id) == 0 &&
           replay_fits(fleet, &place.position, &ignored) == 0 &&
           fleet_check(store, &same, &ignored) == 0 && same;
}

int fleet_join(struct fleet *fleet, struct store *store, bool edge, bool anything,
               const struct fleet_lost *shown, struct fleet_lost *ret_lost, struct espt_error *err)
{
    struct txn txn;
    struct fleet_trust trust;
    if (edge) /* an edge stays one in any case */
        fleet->pieces = ESPT_JOURNAL_EDGE;
    int code = trust_load(fleet->config, &trust, err);
    *ret_lost = (struct fleet_lost){0};
    if (code == 0)
        code = journal_open(fleet, err);
    if (code == 0 && is_joined(fleet, store, &trust))
        return fleet_catch_up(fleet, store, err);
    if (code != 0)
        return code;
    store->local = true;
    code = txn_begin(&txn, store, true, err);
    store->local = false;
    if (code != 0)
        return code;
    join(fleet, &txn, &trust, ret_lost);
    if (txn.code == 0 && !anything)
        require_shown(&txn, shown, ret_lost);
    return txn_commit(&txn);
}
