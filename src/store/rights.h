/* SPDX-License-Identifier: ISC */
/*
 * Acting for an entity (`--as`): a command has the rights of that entity and no more. A command
 * that acts for a customer sees that customer and its tokens. A command that acts for a reseller
 * also sees the reseller's customers and their tokens. For everything else it gets the same code
 * and the same message as for a name that never existed.
 *
 * MUST 1: rights are checked in the transaction that reads or changes, so that an entity that was
 *         moved or suspended meanwhile has lost its rights.
 */
#ifndef ESPT_STORE_RIGHTS_H
#define ESPT_STORE_RIGHTS_H

#include "store/load.h"

/* Call it at the beginning of a transaction. Finds the entity of `--as`. ESPT_MISSING if there is
   none, ESPT_REFUSED if it or its reseller is inactive. */
void rights_load(struct txn *txn);

/* Whether the command may see the entity. Without `--as` it may see every entity. */
bool rights_see(const struct txn *txn, const struct entity *entity);

/* As load_entity_name() and load_token_id(), for an entity or token that the user named. The
   transaction fails (ESPT_MISSING) if there is none that the command may see; no_entity() fails it
   in that way. */
int need_entity(struct txn *txn, const char *name, struct entity *ret_entity);
int need_token(struct txn *txn, const struct token_ref *ref, struct token_full *ret_token);
int no_entity(struct txn *txn);

/* Calls `fn` for each entity that the command may see, in order of name. A non-zero result stops
   the walk and is returned. */
ESPT_MUST_USE int visible_each(struct txn *txn, entity_fn fn, void *arg);

/* With `--as`, only a reseller may add an entity, and only a customer of its own. *reseller (NULL:
   not given) becomes that reseller. */
void rights_add(struct txn *txn, enum entity_kind kind, const char **reseller);
/* §5.9: the result of switching something on or off, from its state before. Only the level that
   switched it off, or a higher one, may switch it on. Switching off keeps the highest level that
   did so. */
struct switched {
    bool active;
    enum off_by off_by;
};
/* For `token`, or for the entity itself if `token` is NULL. */
struct switched rights_switch(struct txn *txn, const struct entity *entity,
                              const struct token *token, bool active);
/* §5.9: refuses to remove what a higher level switched off. Otherwise the entity could remove it
   and create it again, active. */
void rights_remove_token(struct txn *txn, const struct entity *entity, const struct token *token);

/* With `--as`, both refuse the entity of `--as` itself. rights_edit() also refuses to give a
   customer to another reseller. rights_remove() also refuses what a higher level switched off. */
void rights_edit(struct txn *txn, const struct entity *entity, const struct entity_edit *edit);
void rights_remove(struct txn *txn, const struct entity *entity);

#endif
