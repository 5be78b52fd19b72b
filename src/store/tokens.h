/* The making of a token within a transaction: entity add and create share it. */
#ifndef ESPT_STORE_TOKENS_H
#define ESPT_STORE_TOKENS_H

#include "store/apply.h"

/* Draws a free id and a secret, seals it, and appends CHANGE_TOKEN_ADD. `wanted` says name, status
   and expiration; `ret_text` has 55 bytes. */
void token_make(struct txn *txn, const struct entity *entity, const struct token *wanted,
                struct changes *changes, struct token *ret_token, char *ret_text);
/* By default_expiry: Unix seconds, 0 for never. */
int64_t default_expiration(const struct txn *txn, int64_t now);

/* Unix seconds by the clock; 0 before 1970. */
int64_t clock_now(void);

#endif
