/* SPDX-License-Identifier: ISC */
/*
 * The rules of specification §5 that can refuse a change. Call each one within the transaction that
 * makes the change. A rule that refuses fails the transaction with ESPT_REFUSED and a message that
 * names the remedy. Rules change no record.
 */
#ifndef ESPT_STORE_RULES_H
#define ESPT_STORE_RULES_H

#include "store/load.h"

/* §2: a name must not contain a token's text, because names are stored and logged. */
void rule_no_secret(struct txn *txn, const char *name);
/* §5.1: the name has the right form, and no other entity has it. */
void rule_entity_name(struct txn *txn, const char *name);
/* §5.1: `reseller` (empty: none) names a reseller, and entities of `kind` may have one. */
void rule_reseller(struct txn *txn, enum entity_kind kind, const char *reseller);
/* §5.3: the tier of a customer never ranks above its reseller's. */
void rule_ceiling(struct txn *txn, const struct tier_table *tiers, const struct entity *customer);
/* §5.4: the entity has fewer tokens than its tier's max_tokens, and the tier is in the table. */
void rule_token_limit(struct txn *txn, const struct tier_table *tiers, const struct entity *entity);
/* §5.4: the entity's tier is in the table. */
const struct tier *rule_tier_known(struct txn *txn, const struct tier_table *tiers,
                                   const struct entity *entity);
/* §5.5: the token's name has the right form and can be seen. Writes it in NFC, the form that is
   stored. False: the transaction has failed. */
bool rule_name_form(struct txn *txn, const char *name, char ret_name[static TOKEN_NAME_MAX + 1]);
/* §5.5: as above, and no other token of the entity has the name. `own`: id of the token that gets
   the name; 0: a new one. */
void rule_token_name(struct txn *txn, const struct entity *entity, const char *name, uint64_t own,
                     char ret_name[static TOKEN_NAME_MAX + 1]);
/* §5.6: the entity's last token is removed only if `last`. */
void rule_last_token(struct txn *txn, const struct entity *entity, bool last);
/* §5.6: an entity that is removed has no customers. */
void rule_no_customers(struct txn *txn, const struct entity *entity);
/* §5.5: the form of a note or a contact; `what` names it in the message. */
void rule_note(struct txn *txn, const char *what, const char *text);
/* §6: a new expiration (0: never; NULL: not set) is in the future. §4: if an entity sets it
   (`--as`), it is within max_expiry. */
void rule_expires(struct txn *txn, const int64_t *expires, int64_t now);
/* §4: if an entity sets the overlap (`--as`), it is within max_overlap. The overlap is how long an
   old secret continues to work. */
void rule_overlap(struct txn *txn, int64_t overlap);

/* Finds the tier of that name. NULL: the transaction has failed (ESPT_MISSING). */
const struct tier *need_tier(struct txn *txn, const struct tier_table *tiers, const char *name);

#endif
