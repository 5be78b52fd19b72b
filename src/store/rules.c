#include "store/rules.h"

#include "common/token.h"

#include <string.h>

void rule_no_secret(struct txn *txn, const char *name)
{
    if (token_within(name))
        txn_fail(txn, ESPT_USAGE,
                 "a token's text is no name, for names are listed and logged; give another, and "
                 "remove that token if others may have seen it");
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
        txn_fail(txn, ESPT_REFUSED, "there is an entity %s already; choose another name", name);
}

void rule_reseller(struct txn *txn, enum entity_kind kind, const char *reseller)
{
    struct entity entity;
    if (reseller[0] == '\0')
        return;
    if (kind == KIND_RESELLER)
        txn_fail(txn, ESPT_REFUSED,
                 "a reseller belongs to the platform and has no reseller; leave --reseller away");
    else if (need_entity(txn, reseller, &entity) > 0 && entity.kind != KIND_RESELLER)
        txn_fail(txn, ESPT_REFUSED, "%s is a customer, not a reseller; name a reseller", reseller);
}

const struct tier *need_tier(struct txn *txn, const struct tier_table *tiers, const char *name)
{
    const struct tier *tier = tier_find(tiers, name);
    if (tier == NULL)
        txn_fail(txn, ESPT_MISSING, "there is no such tier; see them by esp-tokenctl tier list");
    return tier;
}

const struct tier *rule_tier_known(struct txn *txn, const struct tier_table *tiers,
                                   const struct entity *entity)
{
    const struct tier *tier = tier_find(tiers, entity->tier);
    if (tier == NULL)
        txn_fail(txn, ESPT_REFUSED,
                 "the tier %s of %s is not in the tier table; put it back, or give the entity "
                 "another by esp-tokenctl entity edit --tier",
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

void rule_token_name(struct txn *txn, const struct entity *entity, const char *name)
{
    rule_no_secret(txn, name);
    if (!token_name_ok(name, strlen(name))) {
        txn_fail(txn, ESPT_USAGE,
                 "not a token name: it is 1 to %d bytes of UTF-8 without control characters or "
                 "blanks at either end",
                 TOKEN_NAME_MAX);
        return;
    }
    uint64_t id;
    if (load_token_named(txn, entity->number, name, &id) > 0)
        txn_fail(txn, ESPT_REFUSED, "%s has a token of that name already; choose another name",
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
        txn_fail(
            txn, ESPT_REFUSED,
            "%s has %u customer%s; remove them first, or move them by esp-tokenctl entity edit "
            "--reseller",
            entity->name, entity->customers, entity->customers == 1 ? "" : "s");
}

void rule_expires(struct txn *txn, int64_t expires, int64_t now)
{
    if (expires < 0 || (expires != 0 && expires <= now))
        txn_fail(txn, ESPT_USAGE, "the expiration lies in the past; give a time to come, or never");
}
