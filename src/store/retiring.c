/* SPDX-License-Identifier: ISC */
#include "store/retiring.h"

#include "common/grow.h"

#include "store/changes.h"
#include "store/clock.h"

#include <stdlib.h>
#include <string.h>

void walk_retiring(struct walk *ret_walk, struct txn *txn, uint32_t entity)
{
    struct record_key from = key_by_entity(entity, "", 1);
    walk_begin(ret_walk, txn, TABLE_BY_ENTITY, &from, from.len);
}

void retired_sweep(struct txn *txn, uint32_t entity, int64_t now, struct changes *changes)
{
    struct change change = {.type = CHANGE_TOKEN_REMOVE};
    struct walk walk;
    walk_retiring(&walk, txn, entity);
    while (walk_next_token(&walk, &change.token.before)) {
        if (change.token.before.token.expires <= now)
            changes_add(changes, txn, &change);
    }
    walk_end(&walk);
}

static int by_name(const void *a, const void *b)
{
    const struct retiring_name *left = a, *right = b;
    return strcmp(left->name, right->name);
}

void retiring_add(struct txn *txn, struct retiring_list *list, const struct token *token)
{
    struct retiring_name *names = grown(list->name, list->count, &list->room, sizeof *names);
    if (names == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    list->name = names;
    struct retiring_name *added = &list->name[list->count++];
    name_copy(added->name, sizeof added->name, token->name);
    added->id = token->id;
}

void retiring_sort(struct retiring_list *list)
{
    if (list->count > 1)
        qsort(list->name, list->count, sizeof *list->name, by_name);
}

bool retiring_read(struct txn *txn, struct retiring_list *list, uint32_t entity)
{
    const int64_t now = clock_now();
    struct token_full token;
    struct walk walk;
    if (list->entity == entity)
        return false;
    list->entity = entity;
    list->count = 0;
    walk_retiring(&walk, txn, entity);
    while (walk_next_token(&walk, &token)) {
        if (token.token.expires > now) /* else retired_sweep() removes it */
            retiring_add(txn, list, &token.token);
    }
    walk_end(&walk);
    retiring_sort(list);
    return true;
}

static struct retiring_name *find(const struct retiring_list *list, const char *name)
{
    struct retiring_name wanted = {.id = 0};
    if (list->count == 0)
        return NULL;
    name_copy(wanted.name, sizeof wanted.name, name);
    return bsearch(&wanted, list->name, list->count, sizeof *list->name, by_name);
}

uint64_t retiring_find(const struct retiring_list *list, const char *name)
{
    const struct retiring_name *found = find(list, name);
    return found != NULL ? found->id : 0;
}

void retiring_take(struct retiring_list *list, const char *name)
{
    struct retiring_name *found = find(list, name);
    if (found != NULL)
        found->id = 0;
}

void retiring_clear(struct retiring_list *list)
{
    free(list->name);
    *list = (struct retiring_list){0};
}

void retiring_follow(struct txn *txn, struct retiring_list *list, const struct token_full *before,
                     const struct token_full *after, struct changes *changes)
{
    struct change change = {.type = after != NULL ? CHANGE_TOKEN_SET : CHANGE_TOKEN_REMOVE};
    if (before->token.retiring)
        return;
    retiring_read(txn, list, before->entity);
    const uint64_t id = retiring_find(list, before->token.name);
    /* it may be gone, if the same transaction has ended it */
    if (id == 0 || load_token_id(txn, id, &change.token.before) <= 0)
        return;
    if (after != NULL) {
        const struct token *token = &change.token.before.token;
        change.token.after = change.token.before;
        struct token *to = &change.token.after.token;
        name_copy(to->name, sizeof to->name, after->token.name);
        to->active = after->token.active;
        to->off_by = after->token.off_by;
        name_copy(to->note, sizeof to->note, after->token.note);
        if (to->active == token->active && to->off_by == token->off_by &&
            strcmp(to->name, token->name) == 0 && strcmp(to->note, token->note) == 0)
            return;
    }
    changes_add(changes, txn, &change);
}

uint32_t retiring_count(struct txn *txn, uint32_t entity, const char *name, bool *ret_named)
{
    struct walk walk;
    struct token_full token;
    uint32_t count = 0;
    *ret_named = false;
    walk_retiring(&walk, txn, entity);
    while (walk_next_token(&walk, &token)) {
        *ret_named = *ret_named || strcmp(token.token.name, name) == 0;
        count++;
    }
    walk_end(&walk);
    return count;
}

void rule_not_retiring(struct txn *txn, const struct token_full *token)
{
    if (token->token.retiring)
        txn_fail(txn, ESPT_REFUSED,
                 "this secret is retiring: its name belongs to its successor now; run "
                 "'esp-tokenctl retire' to end it, or change the token of that name");
}
