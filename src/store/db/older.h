/* SPDX-License-Identifier: ISC */
/* A store of an older schema: which one it is, and how its records are converted to this schema. */
#ifndef ESPT_STORE_DB_OLDER_H
#define ESPT_STORE_DB_OLDER_H

#include "store/db/db.h"

/* The schema of the newest snapshot, and its state record if that schema is older. */
ESPT_MUST_USE int older_schema(struct store *store, unsigned *ret_schema,
                               struct state_record *ret_state, struct espt_error *err);
/* Begins the transaction that upgrades the store from schema `from`. Converts the records that this
   schema cannot read. The caller commits the transaction; a failure sticks. */
ESPT_MUST_USE int older_begin(struct txn *ret_txn, struct store *store, unsigned from,
                              const struct state_record *state, struct espt_error *err);

/* Adds to a store of schema 2, whose records are valid in this schema, the tables that it lacks.
   Returns LMDB's code. */
ESPT_MUST_USE int older_add_tables(struct MDB_txn *mdb);

#endif
