/* SPDX-License-Identifier: ISC */
/* Draws the ids and texts of tokens (specification §2). Call sodium_init() first. */
#ifndef ESPT_STORE_MINT_H
#define ESPT_STORE_MINT_H

#include "common/token.h"

/* A new id: milliseconds since 2020 in the upper 42 bits, random in the lower 22. A clock before
   2020 or after 2159 counts as the nearer end of that range. If the id is in use, the caller draws
   again. */
uint64_t mint_id(int64_t unix_ms);

/* When the id was drawn: milliseconds since 2020. */
uint64_t mint_moment(uint64_t id);

/* Writes the text of `id` with a new secret: 54 bytes and a terminator. The caller wipes it. */
void mint_text(uint64_t id, char ret_text[static TOKEN_TEXT_LEN + 1]);

#endif
