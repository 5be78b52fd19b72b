/* SPDX-License-Identifier: ISC */
/*
 * The only code that changes the store's records. apply() takes a list of typed changes and
 * applies it within one transaction. Tables, indexes and counts are kept consistent here and
 * nowhere else.
 */
#ifndef ESPT_STORE_APPLY_H
#define ESPT_STORE_APPLY_H

#include "store/changes.h"

/* Stores a new sealed text (and its key id) of the token. Nothing that a person set changes. */
void apply_sealed(struct txn *txn, const struct token_full *token);
/* Applies the changes from index `from` on. A caller that applies a list in parts calls
   log_append() once, after the last part. */
void apply_from(struct txn *txn, const struct changes *changes, size_t from);
/* Writes the tokens' own records that were held back, in order of id. They are held back while
   txn->defers_tokens is set. Ids of one millisecond arrive in no order, and an insert that is not
   the last key splits a page in halves; inserts in order fill the pages. Until this call, a token
   of the list is not found by its id. Bulk creation does not look tokens up by id. */
void apply_deferred(struct txn *txn, const struct changes *changes);
/* Applies all changes, in order, to a write transaction and appends them to the log. */
void apply(struct txn *txn, const struct changes *changes);

#endif
