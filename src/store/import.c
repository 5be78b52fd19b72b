/* SPDX-License-Identifier: ISC */
/* import: adds an exported entity or token, checked by all rules. */
#include "store/batch_item.h"
#include "store/changes.h"
#include "store/clock.h"
#include "store/name_form.h"
#include "store/retiring.h"
#include "store/rights.h"
#include "store/rules.h"
#include "store/token_make.h"

#include <string.h>

/* A line need not say who switched the entity or token off. */
static enum off_by imported_off(bool active, enum off_by off_by)
{
    if (active)
        return OFF_NOBODY;
    return off_by != OFF_NOBODY ? off_by : OFF_PLATFORM;
}

static void import_entity(struct batch *batch, const struct entity *wanted,
                          enum imported *ret_imported)
{
    struct txn *txn = &batch->txn;
    struct change change = {.type = CHANGE_ENTITY_ADD};
    struct entity *made = &change.entity.after, there;
    if (!entity_name_ok(wanted->name, strlen(wanted->name)) ||
        !tier_name_ok(wanted->tier, strlen(wanted->tier))) {
        txn_fail(txn, ESPT_USAGE, "not the name of an entity, or of a tier");
        return;
    }
    rule_no_secret(txn, wanted->name);
    rule_note(txn, "contact", wanted->contact);
    int found = load_entity_name(txn, wanted->name, &there);
    if (found > 0) {
        if (there.kind != wanted->kind || there.active != wanted->active ||
            (wanted->created != 0 && there.created != wanted->created) ||
            strcmp(there.tier, wanted->tier) != 0 || strcmp(there.reseller, wanted->reseller) != 0)
            txn_fail(txn, ESPT_REFUSED,
                     "there is another entity of that name; rename or remove one of the two");
        return;
    }
    rule_reseller(txn, wanted->kind, wanted->reseller);
    *made = *wanted;
    made->off_by = imported_off(wanted->active, wanted->off_by);
    made->number = txn->state.next_number;
    if (made->created == 0)
        made->created = clock_now();
    /* a tier that is no longer in the table is kept as it is */
    if (tier_find(batch->tiers, wanted->tier) != NULL)
        rule_ceiling(txn, batch->tiers, made);
    changes_add(&batch->changes, txn, &change);
    *ret_imported = IMPORTED_NEW;
}

int batch_import_entity(struct batch *batch, const struct entity *entity,
                        enum imported *ret_imported, struct espt_error *err)
{
    int code = batch_item_begin(batch, false, err);
    if (code != 0)
        return code;
    const size_t from = batch->changes.count;
    enum imported imported = IMPORTED_THERE;
    import_entity(batch, entity, &imported);
    code = batch_item_end(batch, from);
    if (code == 0)
        *ret_imported = imported;
    return code;
}

/* Two names are the same if their NFC forms are; those of an older store may be in another form. */
static bool same_name(const char *a, const char *b)
{
    char left[TOKEN_NAME_MAX + 1], right[TOKEN_NAME_MAX + 1];
    return strcmp(a, b) == 0 ||
           (name_composed(a, left) && name_composed(b, right) && strcmp(left, right) == 0);
}

static bool same_token(const struct token_full *there, const struct token *token,
                       const struct token_secret *secret)
{
    const struct token *is = &there->token;
    return is->active == token->active && is->retiring == token->retiring &&
           is->foreign == token->foreign && is->created == token->created &&
           is->expires == token->expires && same_name(is->name, token->name) &&
           strcmp(is->entity, token->entity) == 0 &&
           memcmp(there->digest, secret->digest, sizeof there->digest) == 0;
}

/* True: the token is that of the line, as it was imported or as a rotation has left it. */
static bool is_there(const struct token_full *there, const struct token *token,
                     const struct token_secret *secret, enum imported *ret_imported)
{
    struct token expected = *token;
    if (expected.created == 0)
        expected.created = there->token.created;
    if (expected.expires == EXPIRES_BY_DEFAULT)
        expected.expires = there->token.expires;
    if (there->token.retiring && !expected.retiring) {
        *ret_imported = IMPORTED_ROTATED;
        expected.retiring = true;
        if (expected.expires == 0 || expected.expires > there->token.expires)
            expected.expires = there->token.expires;
    }
    return same_token(there, &expected, secret);
}

/* Finds the token of that id, or, for a foreign token without an id, that of its digest. */
static int find_imported(struct txn *txn, const struct token *token,
                         const struct token_secret *secret, struct token_full *ret_there)
{
    uint64_t id = token->id;
    if (token->foreign && id == 0) {
        struct record_key key = key_digest(secret->digest);
        struct record_value value;
        int found = txn_get(txn, TABLE_FOREIGN, &key, &value);
        if (found <= 0)
            return found;
        if (!id_decode(TABLE_FOREIGN, &key, value.data, value.len, &id))
            return txn_damaged(txn, TABLE_FOREIGN, token->name);
    }
    return load_token_id(txn, id, ret_there);
}

/* Two tokens with the same text could not be distinguished. */
static void require_new_digest(struct txn *txn, const struct token_secret *secret)
{
    struct record_key key = key_digest(secret->digest);
    struct record_value value;
    if (txn_get(txn, TABLE_FOREIGN, &key, &value) > 0)
        txn_fail(txn, ESPT_REFUSED,
                 "a token with that SHA-256 exists already, with another id; remove this line");
}

/* A token has at most one old secret, and that secret must expire. Otherwise lines with retiring
   tokens would bypass every limit. */
static void require_retiring(struct batch *batch, const struct entity *owner,
                             const struct token *token)
{
    struct txn *txn = &batch->txn;
    bool named;
    const struct tier *tier = rule_tier_known(txn, batch->tiers, owner);
    const uint32_t count = retiring_count(txn, owner->number, token->name, &named);
    if (tier == NULL || txn->code != 0)
        return;
    if (token->expires == EXPIRES_BY_DEFAULT || token->expires == 0)
        txn_fail(txn, ESPT_USAGE,
                 "a retiring secret must have an expiration; set its \"expires\" to a time");
    else if (named)
        txn_fail(txn, ESPT_REFUSED, "%s already has a retiring secret; remove this line",
                 token->name);
    else if (tier->max_tokens != TIER_UNLIMITED && count >= tier->max_tokens)
        txn_fail(txn, ESPT_REFUSED,
                 "%s has %u retiring secret%s, and tier %s allows %u token%s with one each%s%s",
                 owner->name, count, count == 1 ? "" : "s", tier->label, tier->max_tokens,
                 tier->max_tokens == 1 ? "" : "s", tier->upgrade[0] != '\0' ? "; " : "",
                 tier->upgrade);
}

/* §5.4: an imported token counts as a new one, even if it was created when the limit was higher. */
static void require_limit(struct batch *batch, const struct entity *owner)
{
    struct txn *txn = &batch->txn;
    if (txn->code != 0)
        return;
    rule_token_limit(txn, batch->tiers, owner);
    if (txn->code == ESPT_REFUSED)
        espt_add(txn->err, "; a store that is over a limit is brought back by backup and restore");
}

static void import_token(struct batch *batch, const struct token *token,
                         const struct token_secret *secret, enum imported *ret_imported)
{
    struct txn *txn = &batch->txn;
    const bool has_expiry = token->expires != EXPIRES_BY_DEFAULT;
    struct change change = {.type = CHANGE_TOKEN_ADD};
    struct token_full *made = &change.token.after, there = {0};
    char name[TOKEN_NAME_MAX + 1] = "";
    struct entity owner;
    if (need_entity(txn, token->entity, &owner) <= 0)
        return;
    const bool numbered = !token->foreign || token->id != 0;
    int found = find_imported(txn, token, secret, &there);
    if (found > 0) {
        if (!is_there(&there, token, secret, ret_imported))
            txn_fail(txn, ESPT_REFUSED,
                     "there is another token with that %s; remove that token or this line",
                     numbered ? "id" : "SHA-256");
        return;
    }
    if (token->retiring) /* it shares the name of its successor */
        rule_name_form(txn, token->name, name);
    else
        rule_token_name(txn, &owner, token->name, 0, name);
    if (txn->code == ESPT_REFUSED && token->foreign)
        espt_add(txn->err,
                 "; if the token of this line was rotated since an earlier import, remove "
                 "the line");
    rule_note(txn, "note", token->note);
    if (token->foreign)
        require_new_digest(txn, secret);
    if (token->retiring)
        require_retiring(batch, &owner, token);
    else
        require_limit(batch, &owner);
    if (txn->code != 0)
        return;
    made->token = *token;
    name_copy(made->token.name, sizeof made->token.name, name);
    made->token.off_by = imported_off(token->active, token->off_by);
    if (!has_expiry)
        made->token.expires = default_expiration(txn, clock_now());
    made->entity = owner.number;
    made->key = secret->key;
    memcpy(made->digest, secret->digest, sizeof made->digest);
    memcpy(made->sealed, secret->sealed, sizeof made->sealed);
    if (!numbered)
        made->token.id = draw_free_id(txn, &batch->changes);
    if (made->token.created == 0)
        made->token.created = clock_now();
    changes_add(&batch->changes, txn, &change);
    *ret_imported = IMPORTED_NEW;
}

int batch_import_token(struct batch *batch, const struct token *token,
                       const struct token_secret *secret, enum imported *ret_imported,
                       struct espt_error *err)
{
    int code = batch_item_begin(batch, false, err);
    if (code != 0)
        return code;
    const size_t from = batch->changes.count;
    enum imported imported = IMPORTED_THERE;
    import_token(batch, token, secret, &imported);
    code = batch_item_end(batch, from);
    if (code == 0)
        *ret_imported = imported;
    return code;
}
