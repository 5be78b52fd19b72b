#include "store/mint.h"
#include "store/reveal.h"
#include "store/rotate.h"
#include "store/rules.h"
#include "store/tokens.h"
#include "store/usage.h"

#include <sodium.h>
#include <string.h>

/* The public key is read once a transaction. */
void txn_seal(struct txn *txn, const char *text, uint8_t *out)
{
    if (txn->code == 0 && !txn->has_public)
        txn->code = keyfile_read_public(txn->store->config.public_key, txn->public_key, txn->err);
    txn->has_public = txn->code == 0;
    if (txn->code == 0)
        txn->code = reveal_seal(&txn->store->config, txn->public_key, text, out, txn->err);
}

/* Ids of one moment stand together at the list's end; a clock that went back makes them stand
   further off. */
static bool was_drawn(const struct changes *changes, uint64_t id)
{
    for (size_t i = changes->count; i > 0; i--) {
        const struct change *change = &changes->items[i - 1];
        const uint64_t other = change->token.after.token.id;
        if (change->type != CHANGE_TOKEN_ADD)
            continue;
        if (other == id)
            return true;
        if (mint_moment(other) < mint_moment(id))
            return false;
    }
    return false;
}

uint64_t draw_free_id(struct txn *txn, const struct changes *changes)
{
    MDB_val value;
    for (;;) {
        const uint64_t id = mint_id(clock_ms());
        struct record_key key = key_integer(id);
        if (txn_get(txn, TABLE_TOKENS, &key, &value) <= 0 && !was_drawn(changes, id))
            return id;
    }
}

int64_t default_expiration(const struct txn *txn, int64_t now)
{
    const int64_t span = txn->store->config.default_expiry;
    return span == 0 ? 0 : now + span;
}

void token_make(struct txn *txn, const struct entity *entity, const struct token *wanted,
                struct changes *changes, struct token *ret_token, char *ret_text)
{
    struct change change = {.type = CHANGE_TOKEN_ADD};
    struct token_full *made = &change.token.after;
    made->entity = entity->number;
    made->token = *wanted;
    made->token.id = draw_free_id(txn, changes);
    made->token.has_text = true;
    made->token.counted = txn->store->config.usage[0] != '\0';
    if (made->token.expires > EXPIRES_MAX)
        made->token.expires = EXPIRES_MAX;
    name_copy(made->token.entity, sizeof made->token.entity, entity->name);
    mint_text(made->token.id, ret_text);
    token_digest(ret_text, made->digest);
    txn_seal(txn, ret_text, made->sealed);
    changes_add(changes, txn, &change);
    *ret_token = made->token;
}

void token_create(struct txn *txn, const struct tier_table *tiers, const struct token_new *wanted,
                  struct changes *changes, struct token *ret_token, char *ret_text)
{
    struct entity owner;
    const int64_t now = clock_now();
    if (need_entity(txn, wanted->entity, &owner) <= 0)
        return;
    rule_token_name(txn, &owner, wanted->name);
    rule_token_limit(txn, tiers, &owner);
    rule_expires(txn, wanted->expires != NULL ? *wanted->expires : 0, now);
    if (txn->code != 0)
        return;
    struct token token = {.active = true, .created = now, .expires = default_expiration(txn, now)};
    if (wanted->expires != NULL)
        token.expires = *wanted->expires;
    name_copy(token.name, sizeof token.name, wanted->name);
    retired_sweep(txn, owner.number, now, changes);
    token_make(txn, &owner, &token, changes, ret_token, ret_text);
}

int store_token_create(struct store *store, const struct tier_table *tiers, const char *entity,
                       const char *name, const int64_t *expires, struct token *ret_token,
                       char *ret_text, struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    const struct token_new wanted = {.entity = entity, .name = name, .expires = expires};
    struct token token = {0};
    char text[TOKEN_TEXT_LEN + 1] = "";
    token_create(&w.txn, tiers, &wanted, &w.changes, &token, text);
    code = writing_end(&w);
    if (code == 0) {
        *ret_token = token;
        memcpy(ret_text, text, sizeof text);
    }
    sodium_memzero(text, sizeof text);
    return code;
}

int store_token_edit(struct store *store, const struct token_ref *ref,
                     const struct token_edit *edit, struct token *ret_token, struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_TOKEN_SET};
    struct token_full *before = &change.token.before, *after = &change.token.after;
    if (need_token(&w.txn, ref, before) > 0) {
        *after = *before;
        if (edit->name != NULL && strcmp(edit->name, before->token.name) != 0) {
            struct entity owner;
            if (need_entity(&w.txn, before->token.entity, &owner) > 0)
                rule_token_name(&w.txn, &owner, edit->name);
            name_copy(after->token.name, sizeof after->token.name, edit->name);
        }
        if (edit->expires != NULL) {
            rule_expires(&w.txn, *edit->expires, clock_now());
            after->token.expires = *edit->expires;
        }
        if (edit->active != NULL)
            after->token.active = *edit->active != 0;
        rule_not_retiring(&w.txn, before);
        retired_sweep(&w.txn, before->entity, clock_now(), &w.changes);
        retiring_follow(&w.txn, before, after, &w.changes);
        changes_add(&w.changes, &w.txn, &change);
    }
    code = writing_end(&w);
    if (code == 0) {
        *ret_token = after->token;
        usage_tell_one(store, ret_token);
    }
    return code;
}

static bool same_token(const struct token *a, const struct token *b)
{
    return a->id == b->id && a->active == b->active && a->retiring == b->retiring &&
           a->created == b->created && a->expires == b->expires && strcmp(a->name, b->name) == 0 &&
           strcmp(a->entity, b->entity) == 0;
}

/* Everything that can refuse a removal. */
static void judge_remove(struct txn *txn, const struct token *shown, bool last,
                         struct token_full *ret_token)
{
    struct entity owner;
    const struct token_ref ref = {.by_id = true, .id = shown->id};
    if (need_token(txn, &ref, ret_token) <= 0)
        return;
    if (!same_token(shown, &ret_token->token))
        txn_fail(txn, ESPT_REFUSED,
                 "the token was changed meanwhile; nothing was removed; look at it again");
    if (need_entity(txn, shown->entity, &owner) > 0 && !shown->retiring)
        rule_last_token(txn, &owner, last);
}

int store_token_removable(struct store *store, const struct token *shown, bool last,
                          struct espt_error *err)
{
    struct txn txn;
    struct token_full token;
    int code = txn_may_write(store, err);
    if (code == 0)
        code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    judge_remove(&txn, shown, last, &token);
    txn_abort(&txn);
    return txn.code;
}

int store_token_remove(struct store *store, const struct token *shown, bool last,
                       struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_TOKEN_REMOVE};
    judge_remove(&w.txn, shown, last, &change.token.before);
    if (w.txn.code == 0) {
        retiring_follow(&w.txn, &change.token.before, NULL, &w.changes);
        changes_add(&w.changes, &w.txn, &change);
    }
    return writing_end(&w);
}
