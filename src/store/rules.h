/*
 * The rules of contract §5 that can refuse a change. Each is called within the transaction that
 * makes the change, fails it with ESPT_REFUSED and a message that says what to do, and changes
 * nothing.
 */
#ifndef ESPT_STORE_RULES_H
#define ESPT_STORE_RULES_H

#include "store/load.h"

/* §2: no token's text is on disk, as a name neither. */
void rule_no_secret(struct txn *txn, const char *name);
/* §5.1: the name has the form, and is nobody else's. */
void rule_entity_name(struct txn *txn, const char *name);
/* §5.1: `reseller` (empty: none) is a reseller, and `kind` is of those that may have one. */
void rule_reseller(struct txn *txn, enum entity_kind kind, const char *reseller);
/* §5.3: the tier of a customer never ranks above its reseller's. */
void rule_ceiling(struct txn *txn, const struct tier_table *tiers, const struct entity *customer);
/* §5.4: fewer tokens than the tier's max_tokens, and a tier that is in the table. */
void rule_token_limit(struct txn *txn, const struct tier_table *tiers, const struct entity *entity);
/* §5.4: the entity's tier is in the table. */
const struct tier *rule_tier_known(struct txn *txn, const struct tier_table *tiers,
                                   const struct entity *entity);
/* §5.5: the form, and unique within the entity. */
void rule_token_name(struct txn *txn, const struct entity *entity, const char *name);
/* §5.6: not the last one, without `last`. */
void rule_last_token(struct txn *txn, const struct entity *entity, bool last);
/* §5.6: no customers. */
void rule_no_customers(struct txn *txn, const struct entity *entity);
/* §6: an expiration that is set lies in the future (0: never). */
void rule_expires(struct txn *txn, int64_t expires, int64_t now);

/* The tier of that name; NULL: the transaction has failed (ESPT_MISSING). */
const struct tier *need_tier(struct txn *txn, const struct tier_table *tiers, const char *name);

#endif
