/* SPDX-License-Identifier: ISC */
/* The findings that depend on the tier table: unknown tiers and exceeded limits. */
#include "store/begin.h"
#include "store/check/check.h"
#include "store/check/prove.h"

#include <string.h>

void check_entity_tier(struct check *check, const struct tier_table *tiers,
                       const struct entity_record *entity, const char *reseller_tier)
{
    const struct tier *tier = tier_find(tiers, entity->tier);
    if (tier == NULL) {
        check_report(check, "unknown-tier", entity->name,
                     "its tier %s is not in the tier table, so hosts deny its tokens; put the "
                     "tier back, or run 'esp-tokenctl entity edit %s --tier TIER'",
                     entity->tier, entity->name);
        return;
    }
    if (tier->max_tokens != TIER_UNLIMITED && entity->tokens > tier->max_tokens)
        check_report(check, "over-limit", entity->name,
                     "it has %u tokens, but tier %s allows %u: they keep working, but it cannot "
                     "create another",
                     entity->tokens, tier->label, tier->max_tokens);
    const struct tier *ceiling = reseller_tier != NULL ? tier_find(tiers, reseller_tier) : NULL;
    if (ceiling != NULL && tier->rank > ceiling->rank)
        check_report(check, "above-reseller", entity->name,
                     "its tier %s ranks above %s, its reseller's; run 'esp-tokenctl entity edit %s "
                     "--tier TIER' with a lower one",
                     tier->label, ceiling->label, entity->name);
}

void check_proven(struct check *check, const struct tier_table *tiers, const struct facts *facts)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_ENTITIES, NULL, 0);
    while (walk_next(&walk)) {
        const struct fact *fact = &facts->fact[check_integer(&walk.key)];
        const uint8_t ceiling = fact->reseller != 0 ? facts->fact[fact->reseller].tier : 0;
        const struct tier *tier = fact->tier != 0 ? &tiers->tier[fact->tier - 1] : NULL;
        struct entity_record entity;
        /* most entities have no finding */
        if (tier != NULL && fact->tokens > 0 && (ceiling == 0 || fact->tier <= ceiling) &&
            (tier->max_tokens == TIER_UNLIMITED || fact->tokens <= tier->max_tokens))
            continue;
        if (!entity_decode(&walk.key, walk.value.data, walk.value.len, &entity))
            continue; /* it was decoded before, in this snapshot */
        if (fact->tokens == 0)
            check_report(check, "no-token", entity.name, NO_TOKEN);
        check_entity_tier(check, tiers, &entity,
                          ceiling != 0 ? tiers->tier[ceiling - 1].name : NULL);
    }
    walk_end(&walk);
}

int store_check_tiers(struct store *store, const struct tier_table *tiers, finding_fn fn, void *arg,
                      size_t *ret_findings, struct espt_error *err)
{
    struct txn txn;
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    struct check check = {.txn = &txn, .fn = fn, .arg = arg};
    struct walk walk;
    walk_begin(&walk, &txn, TABLE_ENTITIES, NULL, 0);
    while (walk_next(&walk)) {
        struct entity_record entity, reseller;
        if (!entity_decode(&walk.key, walk.value.data, walk.value.len, &entity)) {
            txn_damaged(&txn, TABLE_ENTITIES, "an entity");
            continue;
        }
        bool has =
            entity.reseller != 0 && check_entity_record(&check, entity.reseller, &reseller) > 0;
        check_entity_tier(&check, tiers, &entity, has ? reseller.tier : NULL);
    }
    walk_end(&walk);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_findings = check.findings;
    return txn.code;
}
