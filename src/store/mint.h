/* Draws tokens (contract §2). sodium_init() comes first. */
#ifndef ESPT_STORE_MINT_H
#define ESPT_STORE_MINT_H

#include "common/token.h"

/* Milliseconds since 2020 in the upper 42 bits (a clock outside 2020-2159 counts as its nearer
   end), random in the lower 22. The caller draws again if the id is taken. */
uint64_t mint_id(int64_t unix_ms);

/* When it was drawn: milliseconds since 2020. */
uint64_t mint_moment(uint64_t id);

/* The text of `id` with a new secret: 54 bytes and a terminator, the caller's to wipe. */
void mint_text(uint64_t id, char ret_text[static TOKEN_TEXT_LEN + 1]);

#endif
