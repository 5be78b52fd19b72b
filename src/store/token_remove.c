/* SPDX-License-Identifier: ISC */
/* remove: tokens, with the old secrets under their names, as the user has seen them. */
#include "store/begin.h"
#include "store/changes.h"
#include "store/rights.h"
#include "store/rules.h"
#include "store/token_set.h"

#include <stdlib.h>
#include <string.h>

/* The tokens are still as the user saw them. */
static void require_same(struct txn *txn, struct token_set *set)
{
    struct token_full now;
    for (size_t i = 0; i < set->count && txn->code == 0; i++) {
        const struct token *shown = &set->item[i].token;
        const struct token_ref ref = {.by_id = true, .id = shown->id};
        set->failed = set->item[i].ref;
        if (need_token(txn, &ref, &now) > 0 && !token_same(shown, &now.token))
            txn_fail(txn, ESPT_REFUSED,
                     "the token was changed meanwhile; nothing was removed; look at it again");
    }
}

/* --- what can refuse a removal --- */

/* Checks `count` items of one entity: their removal as a whole. */
static void require_of_entity(struct txn *txn, struct token_set *set, struct token_item **items,
                              size_t count, bool last)
{
    struct retiring_list list = {0};
    struct entity owner;
    if (load_entity_number(txn, items[0]->entity, &owner) <= 0)
        return;
    retiring_read(txn, &list, owner.number);
    for (size_t i = 0; i < count; i++) {
        if (items[i]->token.retiring)
            retiring_take(&list, items[i]->token.name);
    }
    for (size_t i = 0; i < count && txn->code == 0; i++) {
        const struct token *token = &items[i]->token;
        set->failed = items[i]->ref;
        rights_remove_token(txn, &owner, token);
        if (!token->retiring)
            rule_last_token(txn, &owner, last);
        items[i]->done = set_refused(txn, set, items[i]->ref);
        if (items[i]->done || token->retiring)
            continue;
        owner.tokens--;
        set->old_secrets += retiring_find(&list, token->name) != 0;
    }
    retiring_clear(&list);
}

static void require_removable(struct txn *txn, struct token_set *set, bool last)
{
    struct token_item **items = set_by_entity(txn, set);
    set->old_secrets = 0;
    for (size_t i = 0, next; items != NULL && i < set->count && txn->code == 0; i = next) {
        for (next = i; next < set->count && items[next]->entity == items[i]->entity;)
            next++;
        require_of_entity(txn, set, items + i, next - i, last);
    }
    free(items);
    if (set->dry)
        set_drop_done(set);
}

int store_tokens_removable(struct store *store, struct token_set *set, bool last,
                           struct espt_error *err)
{
    struct txn txn;
    int code = txn_may_write(store, err);
    if (code == 0)
        code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    require_same(&txn, set);
    require_removable(&txn, set, last);
    txn_abort(&txn);
    return txn.code;
}

/* --- the removal --- */

static void remove_one(struct set_change *set, struct token_item *item)
{
    struct txn *txn = &set->w->txn;
    struct change change = {.type = CHANGE_TOKEN_REMOVE};
    /* an old secret may have been removed with its successor */
    if (load_token_id(txn, item->token.id, &change.token.before) <= 0)
        return;
    retiring_follow(txn, &set->list, &change.token.before, NULL, &set->w->changes);
    changes_add(&set->w->changes, txn, &change);
}

/* The tokens as the names mean them now, with the uses that store_tokens_get() found. */
static void find_again(struct txn *txn, struct token_set *set)
{
    struct token_item *was = set->item;
    const size_t count = set->count;
    set->item = NULL;
    set_find(txn, set);
    for (size_t i = 0, k = 0; i < set->count && k < count;) {
        struct token *token = &set->item[i].token;
        const struct token *before = &was[k].token;
        if (set->item[i].ref == was[k].ref && token->id == before->id) {
            token->unread = before->unread;
            token->unsure = before->unsure;
            token->counted = before->counted;
            token->uses = before->uses;
            token->last_used = before->last_used;
        }
        const size_t at = set->item[i].ref;
        i += at <= was[k].ref;
        k += at >= was[k].ref;
    }
    free(was);
}

int store_tokens_remove(struct store *store, struct token_set *set, bool last, bool shown,
                        struct espt_error *err)
{
    struct writing w;
    const size_t old_secrets = set->old_secrets;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    if (shown)
        require_same(&w.txn, set);
    else
        find_again(&w.txn, set);
    require_removable(&w.txn, set, last);
    if (shown && set->old_secrets != old_secrets)
        txn_fail(
            &w.txn, ESPT_REFUSED,
            "a token was rotated, or an old secret ended, meanwhile; nothing was removed; look "
            "at them again");
    set_each(&w, set, remove_one, NULL);
    return set_end(&w, set);
}

int store_token_remove(struct store *store, const struct token *shown, bool last,
                       struct espt_error *err)
{
    const struct token_ref ref = {.by_id = true, .id = shown->id};
    struct token_set set = {.ref = &ref, .refs = 1};
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    set_find(&w.txn, &set);
    if (w.txn.code == 0)
        set.item[0].token = *shown;
    require_same(&w.txn, &set);
    require_removable(&w.txn, &set, last);
    set_each(&w, &set, remove_one, NULL);
    tokens_clear(&set);
    return writing_end_applied(&w);
}
