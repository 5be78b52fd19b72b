/* SPDX-License-Identifier: ISC */
#include "store/restore/changes.h"

#include <endian.h>
#include <string.h>

/* --- changes --- */

static bool same_entity(const struct entity *a, const struct entity *b)
{
    return a->kind == b->kind && a->active == b->active && a->off_by == b->off_by &&
           strcmp(a->name, b->name) == 0 && strcmp(a->reseller, b->reseller) == 0 &&
           strcmp(a->tier, b->tier) == 0 && strcmp(a->contact, b->contact) == 0;
}

static bool same_token(const struct token_full *one, const struct token_full *other)
{
    const struct token *a = &one->token, *b = &other->token;
    return a->active == b->active && a->off_by == b->off_by && a->retiring == b->retiring &&
           a->expires == b->expires && strcmp(a->name, b->name) == 0 &&
           strcmp(a->note, b->note) == 0 && strcmp(a->entity, b->entity) == 0;
}

struct comparing {
    struct changes *changes;
    struct txn *live, *old;
    struct restore_counts *counts;
};

static void compare_entity(struct comparing *c, uint64_t number, bool adds)
{
    struct change change;
    const int now = load_entity_number(c->live, (uint32_t)number, &change.entity.before);
    const int then = load_entity_number(c->old, (uint32_t)number, &change.entity.after);
    struct restored_items *count = &c->counts->entities;
    if (now < 0 || then < 0 || adds != (now == 0))
        return;
    if (now > 0 && then > 0 && same_entity(&change.entity.before, &change.entity.after))
        return;
    change.type = now == 0    ? CHANGE_ENTITY_ADD
                  : then == 0 ? CHANGE_ENTITY_REMOVE
                              : CHANGE_ENTITY_SET;
    ++*(now == 0 ? &count->added : then == 0 ? &count->removed : &count->changed);
    changes_add(c->changes, c->live, &change);
}

static void compare_token(struct comparing *c, uint64_t id, bool adds)
{
    struct change change;
    const int now = load_token_id(c->live, id, &change.token.before);
    const int then = load_token_id(c->old, id, &change.token.after);
    struct restored_items *count = &c->counts->tokens;
    if (now < 0 || then < 0 || adds != (now == 0))
        return;
    if (now > 0 && then > 0 && same_token(&change.token.before, &change.token.after))
        return;
    change.type = now == 0 ? CHANGE_TOKEN_ADD : then == 0 ? CHANGE_TOKEN_REMOVE : CHANGE_TOKEN_SET;
    ++*(now == 0 ? &count->added : then == 0 ? &count->removed : &count->changed);
    changes_add(c->changes, c->live, &change);
}

/* Compares the records of `from`. If that is the backup, only those that the store lacks count,
   because the others are compared when `from` is the store. */
static void compare_table(struct comparing *c, struct txn *from, enum table table,
                          void (*compare)(struct comparing *, uint64_t, bool))
{
    struct walk walk;
    walk_begin(&walk, from, table, NULL, 0);
    while (c->live->code == 0 && walk_next(&walk)) {
        uint64_t le = 0;
        memcpy(&le, walk.key.bytes, sizeof le);
        compare(c, le64toh(le), from == c->old);
        if (c->changes->count > RESTORE_CHANGES_MAX)
            txn_fail(c->live, ESPT_REFUSED,
                     "the backup differs in more than %d entities and tokens, too many for one "
                     "entry of the fleet's journal; nothing was changed; take a newer backup, or "
                     "import what is missing",
                     RESTORE_CHANGES_MAX);
    }
    walk_end(&walk);
}

/* Removals come first, so that the log never has two of one name at once. */
void restore_changes(struct changes *changes, struct txn *live, struct txn *old,
                     struct restore_counts *ret_counts)
{
    struct comparing c = {changes, live, old, ret_counts};
    *ret_counts = (struct restore_counts){.revision = live->state.revision};
    compare_table(&c, live, TABLE_TOKENS, compare_token);
    compare_table(&c, live, TABLE_ENTITIES, compare_entity);
    compare_table(&c, old, TABLE_ENTITIES, compare_entity);
    compare_table(&c, old, TABLE_TOKENS, compare_token);
    if (live->code == 0 && old->code != 0)
        live->code = old->code;
}

/* --- records --- */

/* In a token that both have, the text stays as it is sealed now. *ret_value may be changed. */
static void keep_text(struct txn *live, const struct record_key *key,
                      uint8_t out[static RECORD_MAX], struct record_value *ret_value)
{
    struct record_value value;
    struct token_record now, then;
    if (txn_get(live, TABLE_TOKENS, key, &value) <= 0 ||
        !token_decode(key, value.data, value.len, &now) ||
        !token_decode(key, ret_value->data, ret_value->len, &then) || !now.has_text ||
        (then.has_text && then.key == now.key))
        return;
    then.has_text = true;
    then.key = now.key;
    memcpy(then.sealed, now.sealed, sizeof then.sealed);
    *ret_value = (struct record_value){.data = out, .len = token_encode(key, &then, out)};
}

static void put_all(struct txn *live, struct txn *old, enum table table)
{
    struct walk walk;
    walk_begin(&walk, old, table, NULL, 0);
    while (live->code == 0 && walk_next(&walk)) {
        uint8_t merged[RECORD_MAX];
        struct record_value now, then = walk.value;
        if (table == TABLE_TOKENS)
            keep_text(live, &walk.key, merged, &then);
        const int found = txn_get(live, table, &walk.key, &now);
        if (found == 0 ||
            (found > 0 && (now.len != then.len || memcmp(now.data, then.data, now.len) != 0)))
            txn_put(live, table, &walk.key, then.data, then.len);
    }
    walk_end(&walk);
}

struct clearing {
    struct txn *live, *old;
    enum table table;
};

static bool keeps(void *arg, const struct record_key *key)
{
    const struct clearing *c = arg;
    struct record_value value;
    const bool has = txn_get(c->old, c->table, key, &value) > 0;
    if (!has && c->table == TABLE_TOKENS) {
        txn_delete_if_there(c->live, TABLE_USAGE, key);
        txn_delete_if_there(c->live, TABLE_NOTICES, key);
    }
    return has;
}

/* Of the tables before TABLE_USAGE; those after it are not shared. */
void restore_records(struct txn *live, struct txn *old)
{
    for (enum table t = TABLE_STATE + 1; t < TABLE_USAGE; t++) {
        struct clearing clearing = {live, old, t};
        txn_clear(live, t, keeps, &clearing);
        put_all(live, old, t);
    }
    if (live->state.next_number < old->state.next_number)
        live->state.next_number = old->state.next_number;
    if (live->code == 0 && old->code != 0)
        live->code = old->code;
}
