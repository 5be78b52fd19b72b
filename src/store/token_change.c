/* SPDX-License-Identifier: ISC */
/* edit, retire and remove: change or remove existing tokens, one or many. */
#include "store/changes.h"
#include "store/clock.h"
#include "store/rights.h"
#include "store/rules.h"
#include "store/token_set.h"
#include "store/usage.h"

#include <string.h>

/* Finds the tokens, changes each, and commits. */
static int change_all(struct store *store, struct token_set *set, set_fn fn, void *arg,
                      struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    set_find(&w.txn, set);
    set_each(&w, set, fn, arg);
    return set_end(&w, set);
}

/* Adds the uses, in a transaction of its own: they are no part of the change. */
static void load_uses(struct store *store, struct token_set *set)
{
    struct espt_error ignored;
    struct usage_files *files;
    struct txn txn;
    if (set->count == 1) {
        usage_load_alone(store, &set->item[0].token);
        return;
    }
    if (usage_begin(&txn, store, true, &files, &ignored) != 0)
        return;
    for (size_t i = 0; i < set->count; i++)
        usage_load(&txn, files, &set->item[i].token);
    txn_abort(&txn);
    usage_files_close(files);
}

/* --- edit --- */

static void edit_one(struct set_change *set, struct token_item *item)
{
    struct txn *txn = &set->w->txn;
    struct changes *changes = &set->w->changes;
    const struct token_edit *edit = set->arg;
    struct change change = {.type = CHANGE_TOKEN_SET};
    struct token_full *before = &change.token.before, *after = &change.token.after;
    struct entity owner;
    if (load_token_id(txn, item->token.id, before) <= 0 ||
        find_entity(txn, before->token.entity, &owner) <= 0)
        return;
    *after = *before;
    if (edit->shown != NULL && !token_same(edit->shown, &before->token))
        txn_fail(txn, ESPT_REFUSED,
                 "the token was changed meanwhile; nothing was changed; look at it again");
    if (edit->name != NULL && strcmp(edit->name, before->token.name) != 0)
        rule_token_name(txn, &owner, edit->name, before->token.id, after->token.name);
    if (edit->expires != NULL) {
        rule_expires(txn, edit->expires, clock_now());
        after->token.expires = *edit->expires;
    }
    if (edit->active != NULL) {
        const struct switched to = rights_switch(txn, &owner, &before->token, *edit->active != 0);
        after->token.active = to.active;
        after->token.off_by = to.off_by;
    }
    if (edit->note != NULL) {
        rule_note(txn, "note", edit->note);
        name_copy(after->token.note, sizeof after->token.note, edit->note);
    }
    rule_not_retiring(txn, before);
    if (retiring_read(txn, &set->list, before->entity))
        retired_sweep(txn, before->entity, clock_now(), changes);
    retiring_follow(txn, &set->list, before, after, changes);
    changes_add(changes, txn, &change);
    after->token.suspended = entity_suspends(&owner);
    item->token = after->token;
}

int store_tokens_edit(struct store *store, struct token_set *set, const struct token_edit *edit,
                      struct espt_error *err)
{
    int code = change_all(store, set, edit_one, (void *)(uintptr_t)edit, err);
    if (code == 0)
        load_uses(store, set);
    return code;
}

int store_token_edit(struct store *store, const struct token_ref *ref,
                     const struct token_edit *edit, struct token *ret_token, struct espt_error *err)
{
    struct token_set set = {.ref = ref, .refs = 1};
    int code = store_tokens_edit(store, &set, edit, err);
    if (code == 0)
        *ret_token = set.item[0].token;
    tokens_clear(&set);
    return code;
}

/* --- retire --- */

static void retire_one(struct set_change *set, struct token_item *item)
{
    struct txn *txn = &set->w->txn;
    struct change change = {.type = CHANGE_TOKEN_REMOVE};
    uint64_t id = item->token.id;
    if (!item->token.retiring) {
        retiring_read(txn, &set->list, item->entity);
        id = retiring_find(&set->list, item->token.name);
    }
    if (id == 0) {
        txn_fail(txn, ESPT_MISSING,
                 "no secret of this token is retiring; run 'esp-tokenctl remove' to remove the "
                 "token itself");
        return;
    }
    /* it is gone if the user named the secret and its successor */
    item->done = load_token_id(txn, id, &change.token.before) == 0;
    if (item->done || txn->code != 0)
        return;
    changes_add(&set->w->changes, txn, &change);
    const bool suspended = item->token.suspended;
    item->token = change.token.before.token;
    item->token.suspended = suspended;
}

int store_tokens_retire(struct store *store, struct token_set *set, struct espt_error *err)
{
    int code = change_all(store, set, retire_one, NULL, err);
    set_drop_done(set);
    return code;
}
