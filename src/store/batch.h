/*
 * Many changes in few transactions: bulk creation and import. Items are added one by one, each by
 * all the rules as if it came alone; batch_commit() makes what was added durable, in one
 * transaction with one entry in the log, and the batch goes on.
 *
 * A refused item (ESPT_USAGE, ESPT_MISSING, ESPT_REFUSED) leaves the others as they are. After
 * ESPT_UNUSABLE nothing that was added since the last commit is kept, and the batch is at its end.
 * The writers' lock is held from the first item to the commit: commit every second or so.
 */
#ifndef ESPT_STORE_BATCH_H
#define ESPT_STORE_BATCH_H

#include "store/store.h"

struct batch;

/* `dry`: commits become aborts, so that only the refusals are real. */
ESPT_MUST_USE int batch_open(struct batch **ret_batch, struct store *store,
                             const struct tier_table *tiers, bool dry, struct espt_error *err);
/* Takes back what was not committed. NULL is allowed. */
void batch_close(struct batch *batch);
ESPT_MUST_USE int batch_commit(struct batch *batch, struct espt_error *err);

/* As store_entity_add() and store_token_create(). */
ESPT_MUST_USE int batch_entity_add(struct batch *batch, const struct entity_new *wanted,
                                   struct entity *ret_entity, struct token *ret_token,
                                   char *ret_text, struct espt_error *err);
ESPT_MUST_USE int batch_token_create(struct batch *batch, const struct token_new *wanted,
                                     struct token *ret_token, char *ret_text,
                                     struct espt_error *err);

/* Puts an exported entity or token back: without a first token of its own, and with the id,
   creation and digest that it had. *ret_new is false where the same is there already; another of
   that name or id is refused. A foreign token without an id gets one, and counts as new for the
   limit of its entity; others were made under theirs. */
ESPT_MUST_USE int batch_import_entity(struct batch *batch, const struct entity *entity,
                                      bool *ret_new, struct espt_error *err);
ESPT_MUST_USE int batch_import_token(struct batch *batch, const struct token *token,
                                     const struct token_secret *secret, bool *ret_new,
                                     struct espt_error *err);

#endif
