/* SPDX-License-Identifier: ISC */
/*
 * A damaged store is not made worse: a write transaction relies only on pages that were proved.
 *
 * MUST 1: nothing is written unless the roots of all trees and the list of free pages are, byte for
 *         byte, what the last commit left, or each page was just proved to have one owner: LMDB
 *         overwrites whatever that list names.
 * MUST 2: in a write transaction a record is read, put or deleted only if the path to its key was
 *         proved in the committed state. Each page on the path is in use, intact and in its place,
 *         and so are the keys on both sides of each separator. If the key is absent, every record
 *         of the leaf has a valid checksum. If it is present, its own record does. Before a record
 *         is deleted, so are the pages next to those of the path, because LMDB may merge them: the
 *         first record below each has a valid checksum, so the page is one of this table.
 *
 * For MUST 1 each writer leaves a note in STORE.writer after its commit, while it still holds the
 * lock: the state, and a checksum of those pages. A note that is missing or of another state costs
 * only time: the writer was killed before it wrote one, or the store was restored, or another
 * version wrote it.
 */
#ifndef ESPT_STORE_DB_INTACT_H
#define ESPT_STORE_DB_INTACT_H

#include "store/db/db.h"

/* Checks MUST 1 for a transaction that holds the writers' lock and has read the state record. If
   the check fails, the transaction fails. */
void intact_begin(struct txn *txn);
/* Checks MUST 2 before a record with that key (NULL: the last key) is read, put or deleted. If the
   check fails, the transaction fails. Does nothing if intact_begin() was not called (an
   upgrade). */
enum intact_use { INTACT_READ, INTACT_PUT, INTACT_DELETE };
void intact_path(struct txn *txn, enum table table, const struct record_key *wanted,
                 enum intact_use use);
/* Writes the note. Call it after the commit, while the lock is held. */
void intact_committed(struct txn *txn);
/* Call it before the environment is closed. */
void intact_close(struct store *store);

#endif
