/*
 * Two secrets of one token: the new one bears the name, the old one is retiring under its id until
 * the overlap ends. What is done to the name is done to both: a token that is switched off or
 * removed leaves no other secret that works.
 */
#ifndef ESPT_STORE_ROTATE_H
#define ESPT_STORE_ROTATE_H

#include "store/apply.h"

/* Appends the removal of the entity's retiring tokens whose time has come. Every change of its
   tokens begins so. */
void retired_sweep(struct txn *txn, uint32_t entity, int64_t now, struct changes *changes);
/* Appends what `before` -> `after` means for the secret that retires under the same name; `after`
   NULL: it goes too. */
void retiring_follow(struct txn *txn, const struct token_full *before,
                     const struct token_full *after, struct changes *changes);
/* A retiring token is ended, by retire or remove; nothing else of it is changed. */
void rule_not_retiring(struct txn *txn, const struct token_full *token);

#endif
