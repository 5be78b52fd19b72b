/* SPDX-License-Identifier: ISC */
#include "store/restore/keep.h"

#include "store/apply.h"
#include "store/begin.h"

#include <endian.h>
#include <string.h>

#define KEPT_AT_ONCE 1024 /* changes in one list and in one log entry */

static void repeat_token(struct txn *copy, struct txn *live, uint64_t id, struct changes *changes)
{
    struct change change = {.type = CHANGE_TOKEN_SET};
    struct token_full now, *after = &change.token.after;
    if (load_token_id(copy, id, &change.token.before) <= 0)
        return;
    const int found = load_token_id(live, id, &now);
    *after = change.token.before;
    if (found == 0) {
        change.type = CHANGE_TOKEN_REMOVE;
    } else if (found > 0) {
        struct token *to = &after->token;
        const struct token *is = &now.token;
        const bool switches = to->active && !is->active;
        const bool ends = is->expires != 0 && (to->expires == 0 || is->expires < to->expires);
        if (!switches && !ends)
            return;
        if (switches) {
            to->active = false;
            to->off_by = is->off_by;
        }
        if (ends)
            to->expires = is->expires;
    }
    if (found >= 0)
        changes_add(changes, copy, &change);
}

/* Switches the entity off as in the store, or removes it. */
static void repeat_entity(struct txn *copy, struct txn *live, uint64_t number,
                          enum entity_kind kind, struct changes *changes)
{
    struct change change = {.type = CHANGE_ENTITY_SET};
    struct entity now, *before = &change.entity.before;
    if (load_entity_number(copy, (uint32_t)number, before) <= 0 || before->kind != kind)
        return;
    const int found = load_entity_number(live, (uint32_t)number, &now);
    if (found < 0)
        return;
    change.entity.after = *before;
    if (found == 0 || now.kind != before->kind || now.created != before->created) {
        change.type = CHANGE_ENTITY_REMOVE;
        if (before->customers > 0 || before->tokens > 0)
            return;
    } else if (before->active && !now.active) {
        change.entity.after.active = false;
        change.entity.after.off_by = now.off_by;
    } else {
        return;
    }
    changes_add(changes, copy, &change);
}

/* Applies one list at a time, because apply() moves records. False: the end of the table is
   reached. */
static bool repeat_some(struct txn *copy, struct txn *live, enum table table, enum entity_kind kind,
                        struct record_key *at)
{
    struct changes changes = {0};
    struct walk walk;
    bool more = true;
    walk_begin_after(&walk, copy, table, at);
    while (changes.count < KEPT_AT_ONCE && (more = walk_next(&walk))) {
        uint64_t number = 0;
        *at = walk.key;
        memcpy(&number, walk.key.bytes, sizeof number);
        if (table == TABLE_TOKENS)
            repeat_token(copy, live, le64toh(number), &changes);
        else
            repeat_entity(copy, live, le64toh(number), kind, &changes);
    }
    walk_end(&walk);
    apply(copy, &changes);
    changes_clear(&changes);
    return more && copy->code == 0 && live->code == 0;
}

static void repeat_table(struct txn *copy, struct txn *live, enum table table,
                         enum entity_kind kind)
{
    struct record_key at = {0};
    while (repeat_some(copy, live, table, kind, &at))
        ;
}

void restore_keep_removed(struct txn *copy, struct txn *live)
{
    if (copy->code != 0)
        return;
    repeat_table(copy, live, TABLE_TOKENS, 0);
    repeat_table(copy, live, TABLE_ENTITIES, KIND_CUSTOMER); /* before their resellers */
    repeat_table(copy, live, TABLE_ENTITIES, KIND_RESELLER);
}

void restore_keep_removed_of(struct txn *copy, const struct config *config)
{
    struct espt_error why;
    struct store *store = NULL;
    struct txn live;
    if (copy->code != 0)
        return;
    int code = store_open_to_read(&store, config, &why);
    if (code == 0)
        code = store_begin(&live, store, false, &why);
    if (code == 0) {
        restore_keep_removed(copy, &live);
        txn_abort(&live);
        code = live.code;
    }
    store_close(store);
    if (code != 0)
        txn_fail(copy, code,
                 "what was removed cannot be read from the store (%s); restore without "
                 "--keep-removed",
                 why.message);
}
