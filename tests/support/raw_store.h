/* Stores written by liblmdb alone, without the rules of src/store. Failures end the test. */
#ifndef TESTS_RAW_STORE_H
#define TESTS_RAW_STORE_H

#include "common/record.h"
#include "reader/reader.h"

#include <lmdb.h>

#define RAW_MAP_SIZE (UINT64_C(1) << 30)

struct raw_store {
    MDB_env *env;
    MDB_dbi dbi[TABLE_COUNT];
    bool id_for_nonce; /* a control: as if none were drawn */
};

/* Makes the tables, in a transaction of its own, if they are not there. */
void raw_open(struct raw_store *ret_store, const char *path, unsigned env_flags);
void raw_close(struct raw_store *store);

MDB_txn *raw_begin(struct raw_store *store);
/* Makes any bytes a record, as far as its seal says: the first byte and the last four become its
 * own.
 */
#define RAW_VALUE_MIN 5
void raw_seal(enum table table, const struct record_key *key, uint8_t *value, size_t len);
/* False: there is none. */
bool raw_get(const struct raw_store *store, MDB_txn *txn, enum table table,
             const struct record_key *key, MDB_val *ret_value);
/* Of an entity that is there. */
uint32_t raw_number_of(const struct raw_store *store, MDB_txn *txn, const char *entity);
void raw_put(const struct raw_store *store, MDB_txn *txn, enum table table,
             const struct record_key *key, const void *value, size_t len);
/* The key may be absent. */
void raw_delete(const struct raw_store *store, MDB_txn *txn, enum table table,
                const struct record_key *key);
void raw_drop(const struct raw_store *store, MDB_txn *txn, enum table table);
/* Stamps the state record with the transaction's id, which is returned. */
size_t raw_commit(const struct raw_store *store, MDB_txn *txn);
/* The same, where a failure is expected: LMDB's error is returned. */
int raw_try_commit(const struct raw_store *store, MDB_txn *txn);

/* Opens the file for reading; the error code is returned. */
int raw_reader(struct reader *ret_reader, const char *path, struct espt_error *err);

#endif
