/* SPDX-License-Identifier: ISC */
/* Creates tokens and entities within a transaction, as its only change or as one of many. */
#ifndef ESPT_STORE_TOKENS_H
#define ESPT_STORE_TOKENS_H

#include "store/changes.h"

/* Check all rules and append the changes to the list. The caller applies the list. `ret_text` has
   55 bytes; the caller wipes it. */
void token_create(struct txn *txn, const struct tier_table *tiers, const struct token_new *wanted,
                  struct changes *changes, struct token *ret_token, char *ret_text);
void entity_create(struct txn *txn, const struct tier_table *tiers, const struct entity_new *wanted,
                   struct changes *changes, struct entity *ret_entity, struct token *ret_token,
                   char *ret_text);

#endif
