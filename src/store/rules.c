/* SPDX-License-Identifier: ISC */
#include "store/rules.h"
#include "store/name_form.h"
#include "store/rights.h"

#include "common/token.h"

#include <stdio.h>
#include <string.h>

/* A span as the configuration writes it: in days, hours or minutes. */
struct span_text {
    char text[32];
};

static struct span_text span_text(int64_t seconds)
{
    static const struct {
        int64_t seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
    struct span_text out;
    size_t i = 0;
    while (seconds % units[i].seconds != 0)
        i++;
    snprintf(out.text, sizeof out.text, "%lld%c", (long long)(seconds / units[i].seconds),
             units[i].letter);
    return out;
}

void rule_no_secret(struct txn *txn, const char *name)
{
    if (token_within(name))
        txn_fail(txn, ESPT_USAGE,
                 "a name must not contain a token's text, because names are listed and logged; "
                 "choose another, and remove that token if others may have seen it");
}

void rule_entity_name(struct txn *txn, const char *name)
{
    rule_no_secret(txn, name);
    if (!entity_name_ok(name, strlen(name))) {
        txn_fail(txn, ESPT_USAGE,
                 "not an entity name: it is 1 to %d of A-Za-z0-9._- beginning with a letter or "
                 "digit, and not none",
                 ENTITY_NAME_MAX);
        return;
    }
    struct entity other;
    if (load_entity_name(txn, name, &other) > 0)
        txn_fail(txn, ESPT_REFUSED, "entity %s exists already; choose another name", name);
}

void rule_reseller(struct txn *txn, enum entity_kind kind, const char *reseller)
{
    struct entity entity;
    if (reseller[0] == '\0')
        return;
    if (kind == KIND_RESELLER)
        txn_fail(txn, ESPT_REFUSED,
                 "a reseller belongs to the platform and has no reseller; omit --reseller");
    else if (need_entity(txn, reseller, &entity) > 0 && entity.kind != KIND_RESELLER)
        txn_fail(txn, ESPT_REFUSED, "%s is a customer, not a reseller; name a reseller", reseller);
}

const struct tier *need_tier(struct txn *txn, const struct tier_table *tiers, const char *name)
{
    const struct tier *tier = tier_find(tiers, name);
    if (tier == NULL)
        txn_fail(txn, ESPT_MISSING,
                 "there is no such tier; run 'esp-tokenctl tier list' to see them");
    return tier;
}

const struct tier *rule_tier_known(struct txn *txn, const struct tier_table *tiers,
                                   const struct entity *entity)
{
    const struct tier *tier = tier_find(tiers, entity->tier);
    if (tier == NULL)
        txn_fail(txn, ESPT_REFUSED,
                 "the tier %s of %s is not in the tier table; put it back, or run 'esp-tokenctl "
                 "entity edit --tier' to give the entity another",
                 entity->tier, entity->name);
    return tier;
}

void rule_ceiling(struct txn *txn, const struct tier_table *tiers, const struct entity *customer)
{
    const struct tier *tier = rule_tier_known(txn, tiers, customer);
    struct entity reseller;
    if (tier == NULL || customer->reseller[0] == '\0' ||
        find_entity(txn, customer->reseller, &reseller) <= 0)
        return;
    const struct tier *ceiling = tier_find(tiers, reseller.tier);
    if (ceiling == NULL)
        txn_fail(txn, ESPT_REFUSED,
                 "the tier %s of reseller %s is not in the tier table; set that one first",
                 reseller.tier, reseller.name);
    else if (tier->rank > ceiling->rank)
        txn_fail(txn, ESPT_REFUSED,
                 "tier %s ranks above %s, the tier of reseller %s; choose %s or a lower one%s%s",
                 tier->label, ceiling->label, reseller.name, ceiling->name,
                 ceiling->upgrade[0] != '\0' ? ", or " : "", ceiling->upgrade);
}

void rule_token_limit(struct txn *txn, const struct tier_table *tiers, const struct entity *entity)
{
    const struct tier *tier = rule_tier_known(txn, tiers, entity);
    if (tier != NULL && tier->max_tokens != TIER_UNLIMITED && entity->tokens >= tier->max_tokens)
        txn_fail(txn, ESPT_REFUSED, "%s has %u of the %u token%s that tier %s allows%s%s",
                 entity->name, entity->tokens, tier->max_tokens, tier->max_tokens == 1 ? "" : "s",
                 tier->label, tier->upgrade[0] != '\0' ? "; " : "", tier->upgrade);
}

/* The names of an older store may be in other forms than NFC. Such a name cannot be looked up by
   its NFC form, so all names of the entity are compared. If all are in NFC, the transaction
   remembers it, because no name that it adds is in another form. */
static bool has_other_form(struct txn *txn, uint32_t entity, const char *name, uint64_t own)
{
    const struct record_key from = key_by_entity(entity, "\1", 1); /* after the retiring ones */
    char there[TOKEN_NAME_MAX + 1];
    bool all_composed = true, found = false;
    struct walk walk;
    uint64_t id = 0;
    if (txn->composed == entity || !name_has_forms(name))
        return false;
    walk_begin(&walk, txn, TABLE_BY_ENTITY, &from, sizeof entity);
    while (!found && walk_next(&walk)) {
        snprintf(there, sizeof there, "%.*s", (int)(walk.key.len - sizeof entity),
                 (const char *)walk.key.bytes + sizeof entity);
        if (name_is_composed(there))
            continue;
        all_composed = false;
        found = name_composed(there, there) && strcmp(there, name) == 0 &&
                id_decode(TABLE_BY_ENTITY, &walk.key, walk.value.data, walk.value.len, &id) &&
                id != own;
    }
    walk_end(&walk);
    if (all_composed && txn->code == 0)
        txn->composed = entity;
    return found;
}

bool rule_name_form(struct txn *txn, const char *name, char ret_name[static TOKEN_NAME_MAX + 1])
{
    rule_no_secret(txn, name);
    if (!token_name_ok(name, strlen(name)) || !name_composed(name, ret_name))
        txn_fail(txn, ESPT_USAGE,
                 "not a token name: it is 1 to %d bytes of UTF-8, also in Unicode's form NFC, "
                 "without control characters or blanks at either end",
                 TOKEN_NAME_MAX);
    else if (!name_is_visible(ret_name))
        txn_fail(txn, ESPT_USAGE,
                 "a name that cannot be seen; give one with a letter, digit, sign or symbol");
    if (txn->code == 0)
        rule_no_secret(txn, ret_name); /* NFC makes a K of the Kelvin sign */
    return txn->code == 0;
}

void rule_token_name(struct txn *txn, const struct entity *entity, const char *name, uint64_t own,
                     char ret_name[static TOKEN_NAME_MAX + 1])
{
    uint64_t id;
    if (!rule_name_form(txn, name, ret_name))
        return;
    if (load_token_named(txn, entity->number, ret_name, &id) > 0 && id != own)
        txn_fail(txn, ESPT_REFUSED, "%s has a token of that name already; choose another name",
                 entity->name);
    else if (has_other_form(txn, entity->number, ret_name, own))
        txn_fail(txn, ESPT_REFUSED,
                 "%s has a token of that name already, written with other code points; choose "
                 "another name",
                 entity->name);
}

void rule_last_token(struct txn *txn, const struct entity *entity, bool last)
{
    if (entity->tokens <= 1 && !last)
        txn_fail(txn, ESPT_REFUSED,
                 "this is the last token of %s, which should have one; add --last to remove it all "
                 "the same",
                 entity->name);
}

void rule_no_customers(struct txn *txn, const struct entity *entity)
{
    if (entity->customers > 0)
        txn_fail(txn, ESPT_REFUSED,
                 "%s has %u customer%s; remove them first, or run 'esp-tokenctl entity edit "
                 "--reseller' to move them",
                 entity->name, entity->customers, entity->customers == 1 ? "" : "s");
}

void rule_note(struct txn *txn, const char *what, const char *text)
{
    rule_no_secret(txn, text);
    if (!note_ok(text, strlen(text)))
        txn_fail(txn, ESPT_USAGE,
                 "not a %s: it is at most %d bytes of UTF-8 without control and "
                 "bidirectional-control characters, or blanks at either end",
                 what, NOTE_MAX);
}

void rule_expires(struct txn *txn, const int64_t *expires, int64_t now)
{
    const int64_t most = txn->store->config.max_expiry;
    if (expires == NULL)
        return;
    if (*expires < 0 || (*expires != 0 && *expires <= now))
        txn_fail(txn, ESPT_USAGE, "the expiration is in the past; give a future time, or never");
    else if (txn->limited && most != 0 && (*expires == 0 || *expires - now > most))
        txn_fail(
            txn, ESPT_REFUSED,
            "%s may set an expiration of at most %s from now; give an earlier one, or ask your "
            "account manager",
            txn->as.name, span_text(most).text);
}

void rule_overlap(struct txn *txn, int64_t overlap)
{
    const int64_t most = txn->store->config.max_overlap;
    if (txn->limited && most != 0 && overlap > most)
        txn_fail(
            txn, ESPT_REFUSED,
            "%s may keep an old secret working for at most %s; give a shorter --overlap, or ask "
            "your account manager",
            txn->as.name, span_text(most).text);
}
