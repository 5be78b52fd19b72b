/* SPDX-License-Identifier: ISC */
/* Making one token: id, secret, digest and sealed text. */
#ifndef ESPT_STORE_TOKEN_MAKE_H
#define ESPT_STORE_TOKEN_MAKE_H

#include "store/changes.h"

/* Draws an id that no token has yet, nor one of those that `changes` adds. */
uint64_t draw_free_id(struct txn *txn, const struct changes *changes);
/* Seals the text to the reveal key: fills token->sealed, and token->key with the key's id. */
void txn_seal(struct txn *txn, const char *text, struct token_full *token);
/* Draws a free id and a secret, seals the text, and appends CHANGE_TOKEN_ADD. `wanted` holds name,
   note, status, creation and expiration. `ret_text` has 55 bytes; the caller wipes it. */
void token_make(struct txn *txn, const struct entity *entity, const struct token *wanted,
                struct changes *changes, struct token *ret_token, char *ret_text);

#define EXPIRES_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
/* The expiration that default_expiry gives, within max_expiry if an entity acts (`--as`): Unix
   seconds, 0 for never. */
int64_t default_expiration(const struct txn *txn, int64_t now);

#endif
