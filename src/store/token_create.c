/* SPDX-License-Identifier: ISC */
/* create: a new token of an entity. */
#include "store/clock.h"
#include "store/retiring.h"
#include "store/rights.h"
#include "store/rules.h"
#include "store/token_make.h"
#include "store/tokens.h"
#include "store/writing.h"

#include <sodium.h>
#include <string.h>

void token_create(struct txn *txn, const struct tier_table *tiers, const struct token_new *wanted,
                  struct changes *changes, struct token *ret_token, char *ret_text)
{
    struct entity owner;
    char name[TOKEN_NAME_MAX + 1] = "";
    const int64_t now = clock_now();
    if (need_entity(txn, wanted->entity, &owner) <= 0)
        return;
    rule_token_name(txn, &owner, wanted->name, 0, name);
    rule_token_limit(txn, tiers, &owner);
    rule_expires(txn, wanted->expires, now);
    if (wanted->note != NULL)
        rule_note(txn, "note", wanted->note);
    if (txn->code != 0)
        return;
    struct token token = {.active = true, .created = now, .expires = default_expiration(txn, now)};
    if (wanted->expires != NULL)
        token.expires = *wanted->expires;
    name_copy(token.name, sizeof token.name, name);
    if (wanted->note != NULL)
        name_copy(token.note, sizeof token.note, wanted->note);
    retired_sweep(txn, owner.number, now, changes);
    token_make(txn, &owner, &token, changes, ret_token, ret_text);
}

int store_token_create(struct store *store, const struct tier_table *tiers,
                       const struct token_new *wanted, struct token *ret_token, char *ret_text,
                       struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct token token = {0};
    char text[TOKEN_TEXT_LEN + 1] = "";
    token_create(&w.txn, tiers, wanted, &w.changes, &token, text);
    code = writing_end(&w);
    if (code == 0) {
        *ret_token = token;
        memcpy(ret_text, text, sizeof text);
    }
    sodium_memzero(text, sizeof text);
    return code;
}
