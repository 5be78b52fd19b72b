/*
 * Acting for an entity (`--as`): a command has that entity's rights and no more. Who acts for a
 * customer sees that customer and its tokens; for a reseller, its customers and theirs too. What
 * it may not see does not exist for it: the same code and the same words as for a name that was
 * never there.
 *
 * MUST 1: judged in the transaction that reads or changes, so that an entity that was moved or
 *         suspended meanwhile has lost its rights.
 */
#ifndef ESPT_STORE_RIGHTS_H
#define ESPT_STORE_RIGHTS_H

#include "store/db.h"

/* At the begin of a transaction: finds the entity that is acted for. ESPT_MISSING if there is none,
   ESPT_REFUSED if it, or its reseller, is inactive. */
void rights_take(struct txn *txn);

/* Everything, where no entity is acted for. */
bool rights_see(const struct txn *txn, const struct entity *entity);

/* Every entity that may be seen, in order of name; non-zero from `fn` stops, and is the result. */
ESPT_MUST_USE int visible_each(struct txn *txn, entity_fn fn, void *arg);

/* A new customer of its own reseller is all that may be added; *reseller (NULL: not said) becomes
   that one. */
void rights_add(struct txn *txn, enum entity_kind kind, const char **reseller);
/* Its own entity may be changed by nobody, and no customer is given away. */
void rights_edit(struct txn *txn, const struct entity *entity, const struct entity_edit *edit);
void rights_remove(struct txn *txn, const struct entity *entity);

#endif
