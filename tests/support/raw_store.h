/* SPDX-License-Identifier: ISC */
/* Writes stores with liblmdb alone, without the rules of src/store. A failure ends the test. */
#ifndef TESTS_RAW_STORE_H
#define TESTS_RAW_STORE_H

#include "common/record.h"
#include "reader/reader.h"

#include <lmdb.h>

#define RAW_MAP_SIZE (UINT64_C(1) << 30)

struct raw_store {
    MDB_env *env;
    MDB_dbi dbi[TABLE_COUNT];
    bool id_for_nonce; /* a control: the nonce is the transaction id, not random */
    uint64_t nonce;    /* for the next commit; 0: raw_commit() draws one */
};

/* Opens the store. Creates missing tables in a transaction of its own. */
void raw_open(struct raw_store *ret_store, const char *path, unsigned env_flags);
void raw_close(struct raw_store *store);

MDB_txn *raw_begin(struct raw_store *store);
/* Gives any bytes a valid seal: overwrites the first byte with the version and the last four with
   the checksum. */
#define RAW_VALUE_MIN 5
void raw_seal(enum table table, const struct record_key *key, uint8_t *value, size_t len);
/* False: there is no such record. */
bool raw_get(const struct raw_store *store, MDB_txn *txn, enum table table,
             const struct record_key *key, MDB_val *ret_value);
/* The number of an entity, which must exist. */
uint32_t raw_number_of(const struct raw_store *store, MDB_txn *txn, const char *entity);
void raw_put(const struct raw_store *store, MDB_txn *txn, enum table table,
             const struct record_key *key, const void *value, size_t len);
/* The key may be absent. */
void raw_delete(const struct raw_store *store, MDB_txn *txn, enum table table,
                const struct record_key *key);
void raw_drop(const struct raw_store *store, MDB_txn *txn, enum table table);
/* Writes the transaction's id to the state record, commits, and returns the id. */
size_t raw_commit(const struct raw_store *store, MDB_txn *txn);
/* As raw_commit(), for a commit that should fail. Returns LMDB's error. */
int raw_try_commit(const struct raw_store *store, MDB_txn *txn);

/* Opens the file with our reader. Returns the error code. */
int raw_reader(struct reader *ret_reader, const char *path, struct espt_error *err);

#endif
