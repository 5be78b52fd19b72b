/* SPDX-License-Identifier: ISC */
/*
 * Many changes in few transactions: bulk creation and import. Items are added one by one. Each is
 * checked by all rules, as if it came alone. batch_commit() makes the added items durable, in one
 * transaction with one log entry. The batch can be used again after a commit.
 *
 * A refused item (ESPT_USAGE, ESPT_MISSING, ESPT_REFUSED) does not affect the others. After
 * ESPT_UNUSABLE the items added since the last commit are lost, and the batch accepts no more. The
 * writers' lock is held from the first item to the commit: commit about once a second.
 */
#ifndef ESPT_STORE_BATCH_H
#define ESPT_STORE_BATCH_H

#include "store/store.h"

struct batch;

#define EXPIRES_BY_DEFAULT INT64_C(-1) /* of an imported token: its line has no expiration */

/* `dry`: nothing is committed; refusals are found all the same. */
ESPT_MUST_USE int batch_open(struct batch **ret_batch, struct store *store,
                             const struct tier_table *tiers, bool dry, struct espt_error *err);
/* Discards the items that were not committed. NULL is allowed. */
void batch_close(struct batch *batch);
ESPT_MUST_USE int batch_commit(struct batch *batch, struct espt_error *err);

/* As store_entity_add() and store_token_create(), for one item of the batch. */
ESPT_MUST_USE int batch_entity_add(struct batch *batch, const struct entity_new *wanted,
                                   struct entity *ret_entity, struct token *ret_token,
                                   char *ret_text, struct espt_error *err);
ESPT_MUST_USE int batch_token_create(struct batch *batch, const struct token_new *wanted,
                                     struct token *ret_token, char *ret_text,
                                     struct espt_error *err);

/* Imports an exported entity or token: an entity without a first token of its own, a token with its
   id, creation and digest. If the same entity or token is there already, its note, contact and who
   switched it off stay as they are. A token that was rotated since the export counts as the same
   while its old secret is retiring. Another entity or token of that name or id is refused. All of
   §5 holds for a new one: names, reseller, tier, and the token limit of the entity. A foreign token
   without an id gets one. A token with EXPIRES_BY_DEFAULT gets the config's default_expiry. */
enum imported { IMPORTED_THERE, IMPORTED_NEW, IMPORTED_ROTATED };
ESPT_MUST_USE int batch_import_entity(struct batch *batch, const struct entity *entity,
                                      enum imported *ret_imported, struct espt_error *err);
ESPT_MUST_USE int batch_import_token(struct batch *batch, const struct token *token,
                                     const struct token_secret *secret, enum imported *ret_imported,
                                     struct espt_error *err);

#endif
