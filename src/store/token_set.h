/* SPDX-License-Identifier: ISC */
/* Commands about several tokens: which tokens the user means, and one transaction for all. */
#ifndef ESPT_STORE_TOKEN_SET_H
#define ESPT_STORE_TOKEN_SET_H

#include "store/retiring.h"
#include "store/writing.h"

/* Finds the tokens of a set, each once. A failure is the transaction's, and sets set->failed; in a
   dry run a refusal is collected instead. */
void set_find(struct txn *txn, struct token_set *set);

/* The items, entity by entity. The caller frees the array; NULL: the transaction has failed. */
struct token_item **set_by_entity(struct txn *txn, struct token_set *set);

/* Changes one token of the set: appends the changes. `list` is that of the token's entity. */
struct set_change {
    struct writing *w;
    struct retiring_list list;
    void *arg;
};
typedef void (*set_fn)(struct set_change *change, struct token_item *item);
/* Calls `fn` for each item, entity by entity, and applies its changes before the next call, so that
   each one is checked against the state that the ones before it left. Stops at the first failure.
   In a dry run it drops the items that are refused. */
void set_each(struct writing *w, struct token_set *set, set_fn fn, void *arg);
/* In a dry run, if a rule has refused the token of set->ref[ref]: collects the refusal, and lets
   the transaction go on. False: there is none, or it is a failure that ends every run. */
bool set_refused(struct txn *txn, struct token_set *set, size_t ref);
/* Whether a token is still as the user saw it. */
bool token_same(const struct token *shown, const struct token *now);
/* Ends the write that set_each() filled: commits it, or nothing if the set is dry. */
ESPT_MUST_USE int set_end(struct writing *w, const struct token_set *set);
/* Removes the items that are marked as done. */
void set_drop_done(struct token_set *set);

#endif
