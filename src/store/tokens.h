/* The making of tokens and entities within a transaction, alone or as one of many. */
#ifndef ESPT_STORE_TOKENS_H
#define ESPT_STORE_TOKENS_H

#include "store/apply.h"
#include "store/clock.h"

/* One that is no token's yet, nor of those that `changes` adds. */
uint64_t draw_free_id(struct txn *txn, const struct changes *changes);
/* Seals the text to the reveal key, in 102 bytes. */
void txn_seal(struct txn *txn, const char *text, uint8_t *out);
/* By all rules, as its caller's only change or one of many; nothing is applied yet. */
void token_create(struct txn *txn, const struct tier_table *tiers, const struct token_new *wanted,
                  struct changes *changes, struct token *ret_token, char *ret_text);
void entity_create(struct txn *txn, const struct tier_table *tiers, const struct entity_new *wanted,
                   struct changes *changes, struct entity *ret_entity, struct token *ret_token,
                   char *ret_text);
/* Draws a free id and a secret, seals it, and appends CHANGE_TOKEN_ADD. `wanted` says name, status,
   creation and expiration; `ret_text` has 55 bytes. */
void token_make(struct txn *txn, const struct entity *entity, const struct token *wanted,
                struct changes *changes, struct token *ret_token, char *ret_text);
#define EXPIRES_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
/* By default_expiry: Unix seconds, 0 for never. */
int64_t default_expiration(const struct txn *txn, int64_t now);

#endif
