/* The making of a token within a transaction: entity add and create share it. */
#ifndef ESPT_STORE_TOKENS_H
#define ESPT_STORE_TOKENS_H

#include "store/apply.h"

/* Draws a free id and a secret, seals it, and appends CHANGE_TOKEN_ADD. `ret_text` has 55 bytes.
   `expires` NULL: by default_expiry. */
void token_make(struct txn *txn, const struct entity *entity, const char *name,
                const int64_t *expires, int64_t now, struct changes *changes,
                struct token *ret_token, char *ret_text);

/* Unix seconds by the clock; 0 before 1970. */
int64_t clock_now(void);

#endif
