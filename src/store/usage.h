/* SPDX-License-Identifier: ISC */
/*
 * How often tokens were used: the totals in the store (TABLE_USAGE) and the counts in the files of
 * hosts (common/usage.h).
 *
 * A file is folded once its lock is free: it is marked as closed, and its buckets are added to the
 * totals piece by piece. Each piece is one transaction. The writers' lock is free between two
 * pieces. A file that is in the totals as a whole is unlinked. A later fold deletes the record of a
 * file that no longer exists. The rules do not protect totals: they do not pass through apply.h,
 * and the log does not record them.
 *
 * MUST 1: the files are untrusted input. They are opened without following a link or waiting, their
 *         type and owner are checked on the descriptor, they are read and never mapped, and every
 *         number is bounded.
 * MUST 2: nothing is added twice. The transaction that adds a piece also records in TABLE_FOLDED,
 *         under the file's key, how far the fold came, so that a fold that is killed is continued.
 *         A reader of a file finds there which of its counts are in the totals.
 * MUST 3: the work of one command is bounded, because every user who may count may also fill the
 *         folder. It opens a random sample of the names in the folder, drawn separately for each
 *         user. It ignores a file that counts more tokens than [usage] tokens allows.
 */
#ifndef ESPT_STORE_USAGE_H
#define ESPT_STORE_USAGE_H

#include "store/load.h"
#include "store/usage_files.h"

/* Begins a read transaction for usage_load(). *ret_files is NULL if nothing is counted. `many`:
   files are read as a whole. A file that cannot be read fails nothing; it sets token->unread. */
ESPT_MUST_USE int usage_begin(struct txn *ret_txn, struct store *store, bool many,
                              struct usage_files **ret_files, struct espt_error *err);
/* Sets the uses of the token, from the totals and from the files. */
void usage_load(struct txn *txn, const struct usage_files *files, struct token *token);
/* How many of the file's buckets are in the totals: those before *ret_next. 0: none; FOLDED_WHOLE:
   all. */
void usage_folded(struct txn *txn, uint64_t identity, uint32_t *ret_next);
/* As usage_load(), in a transaction of its own. */
void usage_load_alone(struct store *store, struct token *token);

/* Bounds for sums, because hosts' files may hold any number. */
#define USES_MAX ((uint64_t)INT64_MAX)
static inline uint64_t uses_add(uint64_t a, uint64_t b)
{
    a = a < USES_MAX ? a : USES_MAX;
    return b < USES_MAX - a ? a + b : USES_MAX;
}

#endif
