#include "store/rights.h"
#include "store/rules.h"
#include "store/tokens.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int store_entity_get(struct store *store, const char *name, struct entity *ret_entity,
                     struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, false, err);
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
    int result = txn_begin(&txn, store, false, err);
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
    if (txn->code != 0 || tier == NULL)
        return;
    *made = (struct entity){
        .number = txn->state.next_number, .kind = wanted->kind, .active = true, .created = now};
    name_copy(made->name, sizeof made->name, wanted->name);
    name_copy(made->reseller, sizeof made->reseller, reseller);
    name_copy(made->tier, sizeof made->tier, tier->name);
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

/* §5.3 from the reseller's side: its customers above the new tier are lowered with it (before it in
   the list), or the change is refused, naming them. */
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
    if (edit->active != NULL)
        after->active = *edit->active != 0;
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

int store_entity_edit(struct store *store, const struct tier_table *tiers, const char *name,
                      const struct entity_edit *edit, struct entity *ret_entity, entity_fn lowered,
                      void *arg, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, true, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_ENTITY_SET};
    struct changes changes = {0};
    if (need_entity(&txn, name, &change.entity.before) > 0) {
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

static bool same_entity(const struct entity *a, const struct entity *b)
{
    return a->number == b->number && a->kind == b->kind && a->active == b->active &&
           a->tokens == b->tokens && a->customers == b->customers && a->created == b->created &&
           strcmp(a->name, b->name) == 0 && strcmp(a->reseller, b->reseller) == 0 &&
           strcmp(a->tier, b->tier) == 0;
}

/* All that is shown of its tokens, those that retire too. Of customers it has none to be removed.
 */
static void digest_held(struct txn *txn, uint32_t entity, uint8_t ret_held[static 16])
{
    crypto_generichash_state state;
    struct token_full full;
    struct walk walk;
    crypto_generichash_init(&state, NULL, 0, 16);
    walk_tokens(&walk, txn, entity);
    while (walk_next_token(&walk, &full)) {
        const struct token *token = &full.token;
        const uint8_t flags[] = {token->active, token->retiring};
        crypto_generichash_update(&state, (const uint8_t *)&token->id, sizeof token->id);
        crypto_generichash_update(&state, (const uint8_t *)&token->expires, sizeof token->expires);
        crypto_generichash_update(&state, flags, sizeof flags);
        crypto_generichash_update(&state, (const uint8_t *)token->name, strlen(token->name) + 1);
    }
    walk_end(&walk);
    crypto_generichash_final(&state, ret_held, 16);
}

/* Everything that can refuse a removal. */
static void judge_remove(struct txn *txn, const struct entity *shown, struct entity *ret_entity)
{
    if (need_entity(txn, shown->name, ret_entity) <= 0)
        return;
    rights_remove(txn, ret_entity);
    rule_no_customers(txn, ret_entity);
    digest_held(txn, ret_entity->number, ret_entity->held);
    const bool asked = !sodium_is_zero(shown->held, sizeof shown->held);
    if (!same_entity(shown, ret_entity) ||
        (asked && memcmp(shown->held, ret_entity->held, sizeof shown->held) != 0))
        txn_fail(txn, ESPT_REFUSED,
                 "the entity was changed meanwhile; nothing was removed; look at it again");
}

int store_entity_removable(struct store *store, struct entity *shown, struct espt_error *err)
{
    struct txn txn;
    struct entity entity;
    int code = txn_may_write(store, err);
    if (code == 0)
        code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    judge_remove(&txn, shown, &entity);
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
    judge_remove(&w.txn, shown, &change.entity.before);
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
