/* SPDX-License-Identifier: ISC */
/* Entities: get, list, add, edit with the tier cascade, remove. */
#include "store/apply.h"
#include "store/begin.h"
#include "store/changes.h"
#include "store/clock.h"
#include "store/rights.h"
#include "store/rules.h"
#include "store/token_make.h"
#include "store/tokens.h"
#include "store/writing.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int store_entity_get(struct store *store, const char *name, struct entity *ret_entity,
                     struct espt_error *err)
{
    struct txn txn;
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    struct entity entity;
    if (need_entity(&txn, name, &entity) > 0)
        *ret_entity = entity;
    txn_abort(&txn);
    return txn.code;
}

int store_entity_each(struct store *store, entity_fn fn, void *arg, struct espt_error *err)
{
    struct txn txn;
    int result = store_begin(&txn, store, false, err);
    if (result != 0)
        return result;
    result = visible_each(&txn, fn, arg);
    txn_abort(&txn);
    return txn.code != 0 ? txn.code : result;
}

void entity_create(struct txn *txn, const struct tier_table *tiers, const struct entity_new *wanted,
                   struct changes *changes, struct entity *ret_entity, struct token *ret_token,
                   char *ret_text)
{
    struct change change = {.type = CHANGE_ENTITY_ADD};
    struct entity *made = &change.entity.after;
    const int64_t now = clock_now();
    const char *reseller = wanted->reseller;
    const struct tier *tier =
        wanted->tier == NULL ? tier_default(tiers) : need_tier(txn, tiers, wanted->tier);
    rights_add(txn, wanted->kind, &reseller);
    if (reseller == NULL)
        reseller = "";
    rule_entity_name(txn, wanted->name);
    rule_reseller(txn, wanted->kind, reseller);
    if (wanted->contact != NULL)
        rule_note(txn, "contact", wanted->contact);
    if (txn->code != 0 || tier == NULL)
        return;
    *made = (struct entity){
        .number = txn->state.next_number, .kind = wanted->kind, .active = true, .created = now};
    name_copy(made->name, sizeof made->name, wanted->name);
    name_copy(made->reseller, sizeof made->reseller, reseller);
    name_copy(made->tier, sizeof made->tier, tier->name);
    if (wanted->contact != NULL)
        name_copy(made->contact, sizeof made->contact, wanted->contact);
    struct entity its_reseller;
    if (reseller[0] != '\0' && find_entity(txn, reseller, &its_reseller) > 0)
        made->reseller_inactive = !its_reseller.active;
    rule_ceiling(txn, tiers, made);
    changes_add(changes, txn, &change);
    const struct token first = {
        .active = true, .created = now, .expires = default_expiration(txn, now), .name = "default"};
    if (txn->code == 0)
        token_make(txn, made, &first, changes, ret_token, ret_text);
    *ret_entity = *made;
    ret_entity->tokens = 1;
}

int store_entity_add(struct store *store, const struct tier_table *tiers,
                     const struct entity_new *wanted, struct entity *ret_entity,
                     struct token *ret_token, char *ret_text, struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct entity entity = {0};
    struct token token = {0};
    char text[TOKEN_TEXT_LEN + 1] = "";
    entity_create(&w.txn, tiers, wanted, &w.changes, &entity, &token, text);
    code = writing_end(&w);
    if (code == 0) {
        *ret_entity = entity;
        *ret_token = token;
        memcpy(ret_text, text, sizeof text);
    }
    sodium_memzero(text, sizeof text);
    return code;
}

/* §5.3 from the reseller's side. With `cascade`, customers whose tier ranks above the new one are
   lowered with it; their changes precede the reseller's in the list. Otherwise the change is
   refused, and the message names them. */
static void lower_customers(struct txn *txn, const struct tier_table *tiers,
                            const struct entity *reseller, const struct tier *ceiling, bool cascade,
                            struct changes *changes)
{
    char named[512] = "";
    size_t above = 0;
    struct walk walk;
    struct change change = {.type = CHANGE_ENTITY_SET};
    walk_customers(&walk, txn, reseller->number);
    while (walk_next_customer(&walk, &change.entity.before)) {
        const struct entity *customer = &change.entity.before;
        const struct tier *tier = tier_find(tiers, customer->tier);
        if (tier == NULL || tier->rank <= ceiling->rank)
            continue;
        size_t used = strlen(named);
        if (used + sizeof customer->name + 2 < sizeof named)
            snprintf(named + used, sizeof named - used, "%s%s", used > 0 ? ", " : "",
                     customer->name);
        else if (strcmp(named + used - 3, "...") != 0)
            snprintf(named + used, sizeof named - used, ", ...");
        above++;
        if (cascade) {
            change.entity.after = *customer;
            name_copy(change.entity.after.tier, sizeof change.entity.after.tier, ceiling->name);
            changes_add(changes, txn, &change);
        }
    }
    walk_end(&walk);
    if (above > 0 && !cascade)
        txn_fail(txn, ESPT_REFUSED,
                 "%zu customer%s of %s would rank above it: %s; lower them first, or add --cascade",
                 above, above == 1 ? "" : "s", reseller->name, named);
}

static void edit_entity(struct txn *txn, const struct tier_table *tiers,
                        const struct entity_edit *edit, const struct entity *before,
                        struct entity *after, struct changes *changes)
{
    *after = *before;
    if (edit->name != NULL && strcmp(edit->name, before->name) != 0) {
        rule_entity_name(txn, edit->name);
        name_copy(after->name, sizeof after->name, edit->name);
    }
    if (edit->active != NULL) {
        const struct switched to = rights_switch(txn, before, NULL, *edit->active != 0);
        after->active = to.active;
        after->off_by = to.off_by;
    }
    if (edit->contact != NULL) {
        rule_note(txn, "contact", edit->contact);
        name_copy(after->contact, sizeof after->contact, edit->contact);
    }
    if (edit->reseller != NULL) {
        rule_reseller(txn, before->kind, edit->reseller);
        name_copy(after->reseller, sizeof after->reseller, edit->reseller);
    }
    if (edit->tier != NULL) {
        const struct tier *tier = need_tier(txn, tiers, edit->tier);
        if (tier == NULL)
            return;
        name_copy(after->tier, sizeof after->tier, tier->name);
        if (before->kind == KIND_RESELLER)
            lower_customers(txn, tiers, before, tier, edit->cascade, changes);
    }
    if (edit->tier != NULL || (edit->reseller != NULL && edit->reseller[0] != '\0'))
        rule_ceiling(txn, tiers, after);
}

static bool same_fields(const struct entity *a, const struct entity *b)
{
    return a->number == b->number && a->kind == b->kind && a->active == b->active &&
           a->off_by == b->off_by && a->created == b->created && strcmp(a->name, b->name) == 0 &&
           strcmp(a->reseller, b->reseller) == 0 && strcmp(a->tier, b->tier) == 0 &&
           strcmp(a->contact, b->contact) == 0;
}

static bool same_entity(const struct entity *a, const struct entity *b)
{
    return same_fields(a, b) && a->tokens == b->tokens && a->customers == b->customers;
}

int store_entity_edit(struct store *store, const struct tier_table *tiers, const char *name,
                      const struct entity_edit *edit, struct entity *ret_entity, entity_fn lowered,
                      void *arg, struct espt_error *err)
{
    struct txn txn;
    int code = store_begin(&txn, store, true, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_ENTITY_SET};
    struct changes changes = {0};
    if (need_entity(&txn, name, &change.entity.before) > 0) {
        if (edit->shown != NULL && !same_fields(edit->shown, &change.entity.before))
            txn_fail(&txn, ESPT_REFUSED,
                     "the entity was changed meanwhile; nothing was changed; look at it again");
        rights_edit(&txn, &change.entity.before, edit);
        edit_entity(&txn, tiers, edit, &change.entity.before, &change.entity.after, &changes);
        changes_add(&changes, &txn, &change);
    }
    apply(&txn, &changes);
    code = txn_commit(&txn);
    if (code == 0)
        *ret_entity = change.entity.after;
    for (size_t i = 0; code == 0 && lowered != NULL && i + 1 < changes.count; i++)
        code = lowered(arg, &changes.items[i].entity.after, err);
    changes_clear(&changes);
    return code;
}

/* Hashes all fields of the entity's tokens that the command shows, retiring tokens included. An
   entity that can be removed has no customers, so those need no hash. */
static void digest_held(struct txn *txn, uint32_t entity, uint8_t ret_held[static 16])
{
    crypto_generichash_state state;
    struct token_full full;
    struct walk walk;
    crypto_generichash_init(&state, NULL, 0, 16);
    walk_tokens(&walk, txn, entity);
    while (walk_next_token(&walk, &full)) {
        const struct token *token = &full.token;
        const uint8_t flags[] = {token->active, token->retiring, (uint8_t)token->off_by};
        crypto_generichash_update(&state, (const uint8_t *)&token->id, sizeof token->id);
        crypto_generichash_update(&state, (const uint8_t *)&token->expires, sizeof token->expires);
        crypto_generichash_update(&state, flags, sizeof flags);
        crypto_generichash_update(&state, (const uint8_t *)token->name, strlen(token->name) + 1);
        crypto_generichash_update(&state, (const uint8_t *)token->note, strlen(token->note) + 1);
    }
    walk_end(&walk);
    crypto_generichash_final(&state, ret_held, 16);
}

/* The entity's tokens are removed with it, so none may have been switched off by a higher level. */
static void require_tokens_removable(struct txn *txn, const struct entity *entity)
{
    struct walk walk;
    struct token_full full;
    if (!txn->limited)
        return;
    walk_tokens(&walk, txn, entity->number);
    while (walk_next_token(&walk, &full))
        rights_remove_token(txn, entity, &full.token);
    walk_end(&walk);
}

/* Makes every check that can refuse a removal. */
static void require_removable(struct txn *txn, const struct entity *shown,
                              struct entity *ret_entity)
{
    if (need_entity(txn, shown->name, ret_entity) <= 0)
        return;
    rights_remove(txn, ret_entity);
    require_tokens_removable(txn, ret_entity);
    rule_no_customers(txn, ret_entity);
    digest_held(txn, ret_entity->number, ret_entity->held);
    const bool asked = !sodium_is_zero(shown->held, sizeof shown->held);
    if (asked && (!same_entity(shown, ret_entity) ||
                  memcmp(shown->held, ret_entity->held, sizeof shown->held) != 0))
        txn_fail(txn, ESPT_REFUSED,
                 "the entity was changed meanwhile; nothing was removed; look at it again");
}

int store_entity_removable(struct store *store, struct entity *shown, struct espt_error *err)
{
    struct txn txn;
    struct entity entity;
    int code = txn_may_write(store, err);
    if (code == 0)
        code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    require_removable(&txn, shown, &entity);
    if (txn.code == 0)
        memcpy(shown->held, entity.held, sizeof shown->held);
    txn_abort(&txn);
    return txn.code;
}

int store_entity_remove(struct store *store, const struct entity *shown, struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_ENTITY_REMOVE};
    require_removable(&w.txn, shown, &change.entity.before);
    if (w.txn.code == 0) {
        struct change token = {.type = CHANGE_TOKEN_REMOVE};
        struct walk walk;
        walk_tokens(&walk, &w.txn, change.entity.before.number);
        while (walk_next_token(&walk, &token.token.before))
            changes_add(&w.changes, &w.txn, &token);
        walk_end(&walk);
        changes_add(&w.changes, &w.txn, &change);
    }
    return writing_end(&w);
}
