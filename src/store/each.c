/* SPDX-License-Identifier: ISC */
/* Every token, in the order of all lists: by entity, then by name; a retiring secret directly after
   the one that replaced it. */
#include "store/begin.h"
#include "store/retiring.h"
#include "store/rights.h"
#include "store/usage.h"

#include <string.h>

struct each {
    struct txn *txn;
    struct usage_files *files;
    each_fn fn;
    void *arg;
};

static int give(const struct each *each, const struct entity *entity, struct token *token,
                struct espt_error *err)
{
    usage_load(each->txn, each->files, token);
    token->suspended = entity_suspends(entity);
    return each->fn(each->arg, entity, token, err);
}

/* Gives the retiring secrets from *next on whose names sort before `name`; NULL: all. */
static int give_old(const struct each *each, const struct entity *entity,
                    const struct retiring_list *old, size_t *next, const char *name,
                    struct espt_error *err)
{
    struct token_full token;
    int result = 0;
    for (; result == 0 && *next < old->count; (*next)++) {
        if (name != NULL && strcmp(old->name[*next].name, name) >= 0)
            break;
        if (load_token_id(each->txn, old->name[*next].id, &token) <= 0)
            return txn_damaged(each->txn, TABLE_TOKENS, "a token in the index");
        result = give(each, entity, &token.token, err);
    }
    return result;
}

/* The index lists the retiring secrets before all names. Each is held back until the token of its
   name has been given. */
static int each_of(void *arg, const struct entity *entity, struct espt_error *err)
{
    const struct each *each = arg;
    struct retiring_list old = {0};
    struct token_full token;
    struct walk walk;
    size_t next = 0;
    bool named = false;
    int result = each->fn(each->arg, entity, NULL, err);
    walk_tokens(&walk, each->txn, entity->number);
    while (result == 0 && walk_next_token(&walk, &token)) {
        if (token.token.retiring && !named) {
            retiring_add(each->txn, &old, &token.token);
            continue;
        }
        if (!named)
            retiring_sort(&old);
        named = true;
        result = give_old(each, entity, &old, &next, token.token.name, err);
        if (result == 0)
            result = give(each, entity, &token.token, err);
    }
    walk_end(&walk);
    if (result == 0 && each->txn->code == 0)
        result = give_old(each, entity, &old, &next, NULL, err);
    retiring_clear(&old);
    return result;
}

int store_each(struct store *store, const char *entity, each_fn fn, void *arg,
               uint64_t *ret_revision, struct espt_error *err)
{
    struct txn txn;
    struct entity one;
    struct each each = {.txn = &txn, .fn = fn, .arg = arg};
    int result = usage_begin(&txn, store, entity == NULL, &each.files, err);
    if (result != 0)
        return result;
    if (entity == NULL)
        result = visible_each(&txn, each_of, &each);
    else if (need_entity(&txn, entity, &one) > 0)
        result = each_of(&each, &one, err);
    if (ret_revision != NULL && txn.code == 0 && result == 0)
        *ret_revision = txn.state.revision;
    txn_abort(&txn);
    usage_files_close(each.files);
    return txn.code != 0 ? txn.code : result;
}

struct tokens_alone {
    token_fn fn;
    void *arg;
};

static int token_alone(void *arg, const struct entity *entity, const struct token *token,
                       struct espt_error *err)
{
    const struct tokens_alone *alone = arg;
    (void)entity;
    return token != NULL ? alone->fn(alone->arg, token, err) : 0;
}

int store_token_each(struct store *store, const char *entity, token_fn fn, void *arg,
                     struct espt_error *err)
{
    struct tokens_alone alone = {.fn = fn, .arg = arg};
    return store_each(store, entity, token_alone, &alone, NULL, err);
}
