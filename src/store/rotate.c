#include "store/rotate.h"

#include "store/rules.h"
#include "store/tokens.h"
#include "store/usage.h"

#include <sodium.h>
#include <string.h>

/* They stand before every name: number, zero byte, id. */
static void walk_retiring(struct walk *ret_walk, struct txn *txn, uint32_t entity)
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

void retiring_follow(struct txn *txn, const struct token_full *before,
                     const struct token_full *after, struct changes *changes)
{
    struct change change = {.type = after != NULL ? CHANGE_TOKEN_SET : CHANGE_TOKEN_REMOVE};
    const int64_t now = clock_now();
    struct walk walk;
    if (before->token.retiring)
        return;
    walk_retiring(&walk, txn, before->entity);
    while (walk_next_token(&walk, &change.token.before)) {
        const struct token *token = &change.token.before.token;
        if (strcmp(token->name, before->token.name) != 0 || token->expires <= now)
            continue; /* another's; or swept */
        if (after != NULL) {
            change.token.after = change.token.before;
            struct token *to = &change.token.after.token;
            name_copy(to->name, sizeof to->name, after->token.name);
            to->active = after->token.active;
            if (to->active == token->active && strcmp(to->name, token->name) == 0)
                continue;
        }
        changes_add(changes, txn, &change);
    }
    walk_end(&walk);
}

void rule_not_retiring(struct txn *txn, const struct token_full *token)
{
    if (token->token.retiring)
        txn_fail(txn, ESPT_REFUSED,
                 "this secret is retiring: its name means another one by now; end it by "
                 "esp-tokenctl retire, or change the one that bears the name");
}

/* The new one lives as long as the old one was made to; as any new one, if that cannot be told,
   since the clock was ahead when the old one was made. */
static int64_t new_expiration(const struct txn *txn, const struct token *old, const int64_t *wanted,
                              int64_t now)
{
    if (wanted != NULL)
        return *wanted;
    if (old->expires == 0)
        return 0;
    return old->expires > old->created ? now + (old->expires - old->created)
                                       : default_expiration(txn, now);
}

static void rotate(struct txn *txn, const struct tier_table *tiers, const struct token_full *old,
                   int64_t overlap, const int64_t *wanted, struct changes *changes,
                   struct rotated *ret_rotated, char *ret_text)
{
    struct change change = {.type = CHANGE_TOKEN_SET, .token.before = *old};
    struct token_full *after = &change.token.after;
    struct entity owner;
    const int64_t now = clock_now();
    const int64_t expires = new_expiration(txn, &old->token, wanted, now);
    rule_not_retiring(txn, old);
    rule_expires(txn, wanted != NULL ? *wanted : 0, now);
    if (load_entity_number(txn, old->entity, &owner) <= 0)
        return;
    rule_tier_known(txn, tiers, &owner);
    retired_sweep(txn, old->entity, now, changes);
    retiring_follow(txn, old, NULL, changes); /* two secrets at most */
    *after = *old;
    after->token.retiring = true;
    const int64_t end = now + overlap < EXPIRES_MAX ? now + overlap : EXPIRES_MAX;
    if (after->token.expires == 0 || after->token.expires > end)
        after->token.expires = end;
    if (after->token.expires <= now)
        change.type = CHANGE_TOKEN_REMOVE;
    changes_add(changes, txn, &change);
    struct token made = {.active = old->token.active, .created = now, .expires = expires};
    name_copy(made.name, sizeof made.name, old->token.name);
    if (txn->code == 0)
        token_make(txn, &owner, &made, changes, &ret_rotated->token, ret_text);
    ret_rotated->retiring = change.type == CHANGE_TOKEN_SET;
    ret_rotated->old = after->token;
}

int store_token_rotate(struct store *store, const struct tier_table *tiers,
                       const struct token_ref *ref, int64_t overlap, const int64_t *expires,
                       struct rotated *ret_rotated, char *ret_text, struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct token_full old;
    struct rotated rotated = {0};
    char text[TOKEN_TEXT_LEN + 1] = "";
    if (need_token(&w.txn, ref, &old) > 0)
        rotate(&w.txn, tiers, &old, overlap, expires, &w.changes, &rotated, text);
    code = writing_end(&w);
    if (code == 0) {
        *ret_rotated = rotated;
        if (rotated.retiring)
            usage_tell_one(store, &ret_rotated->old);
        memcpy(ret_text, text, sizeof text);
    }
    sodium_memzero(text, sizeof text);
    return code;
}

/* The secret that retires under this name, or the one of this id. */
static void find_retiring(struct txn *txn, const struct token_ref *ref,
                          struct token_full *ret_token)
{
    struct token_full named, token;
    struct walk walk;
    bool found = false;
    if (need_token(txn, ref, &named) <= 0)
        return;
    if (named.token.retiring) {
        *ret_token = named;
        return;
    }
    walk_retiring(&walk, txn, named.entity);
    while (!found && walk_next_token(&walk, &token))
        found = strcmp(token.token.name, named.token.name) == 0;
    walk_end(&walk);
    if (found)
        *ret_token = token;
    else
        txn_fail(txn, ESPT_MISSING,
                 "no secret of this token is retiring; remove the token itself by esp-tokenctl "
                 "remove");
}

int store_token_retire(struct store *store, const struct token_ref *ref, struct token *ret_token,
                       struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_TOKEN_REMOVE};
    find_retiring(&w.txn, ref, &change.token.before);
    changes_add(&w.changes, &w.txn, &change);
    code = writing_end(&w);
    if (code == 0)
        *ret_token = change.token.before.token;
    return code;
}
