/* SPDX-License-Identifier: ISC */
/* Random stores: for each key of each state, liblmdb and our reader must agree. */
#include "common/error.h"
#include "support/raw_store.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define STORES 2
#else
#define STORES 12
#endif
#define TRANSACTIONS 40
#define KEYS 1500 /* half of the transactions use only a few of them */

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(((random_state >> 32) * below) >> 32);
}

/* Keys of every length, in random order, and integers of every size. */
static struct record_key nth_key(enum table table, uint32_t n)
{
    uint64_t spread = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    if (table_has_integer_key(table))
        return key_integer(n % 3 == 0 ? n : spread);
    uint8_t bytes[RECORD_KEY_MAX];
    size_t len = 2 + spread % (RECORD_KEY_MAX - 2);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(n >> (8 * (i % 2)));
    return key_name((const char *)bytes, len);
}

static void change(const struct raw_store *store, MDB_txn *txn, enum table table)
{
    uint32_t range = draw(2) == 0 ? KEYS : 1 + draw(KEYS);
    uint32_t deletes = draw(100);
    if (draw(25) == 0)
        raw_drop(store, txn, table);
    for (uint32_t i = draw(400); i > 0; i--) {
        struct record_key key = nth_key(table, draw(range));
        uint8_t value[RECORD_MAX];
        size_t len =
            draw(8) == 0 ? RECORD_MAX : RAW_VALUE_MIN + draw(RECORD_MAX - RAW_VALUE_MIN + 1);
        memset(value, (int)draw(256), sizeof value);
        raw_seal(table, &key, value, len);
        if (draw(100) < deletes)
            raw_delete(store, txn, table, &key);
        else
            raw_put(store, txn, table, &key, value, len);
    }
}

static void compare_key(MDB_txn *txn, const struct raw_store *store, struct snapshot *snapshot,
                        enum table table, uint32_t n)
{
    struct record_key key = nth_key(table, n);
    MDB_val k = {.mv_size = key.len, .mv_data = key.bytes}, v;
    int rc = mdb_get(txn, store->dbi[table], &k, &v);
    uint8_t value[RECORD_MAX];
    size_t len = 0;
    enum reader_status status = reader_get(snapshot, table, &key, value, &len);
    ck_assert_int_eq(status, rc == MDB_SUCCESS ? READER_OK : READER_NONE);
    if (rc == MDB_SUCCESS) {
        ck_assert_uint_eq(len, v.mv_size);
        ck_assert(len == 0 || memcmp(value, v.mv_data, len) == 0);
    }
}

static void compare_all(struct raw_store *store, struct reader *reader, size_t id)
{
    MDB_txn *txn;
    ck_assert_int_eq(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn), 0);
    struct snapshot snapshot;
    ck_assert_int_eq(reader_begin(&snapshot, reader), READER_OK);
    ck_assert_uint_eq(snapshot.transaction, id);
    ck_assert_uint_eq(snapshot.state.revision, id);
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        for (uint32_t n = 0; n < KEYS + 50; n++)
            compare_key(txn, store, &snapshot, t, n);
    }
    ck_assert_int_eq(reader_end(&snapshot), READER_OK);
    mdb_txn_abort(txn);
}

START_TEST(test_random_store)
{
    random_state = (uint64_t)_i * 7919 + 1;
    const char *path = in_folder(temp_folder(), "store");
    struct raw_store store;
    raw_open(&store, path, MDB_NOSYNC);
    struct reader reader;
    struct espt_error err;
    ck_assert_msg(raw_reader(&reader, path, &err) == 0, "%s", err.message);
    for (int i = 0; i < TRANSACTIONS; i++) {
        MDB_txn *txn = raw_begin(&store);
        for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++)
            if (draw(3) == 0)
                change(&store, txn, t);
        if (draw(6) == 0)
            mdb_txn_abort(txn);
        else
            compare_all(&store, &reader, raw_commit(&store, txn));
    }
    reader_close(&reader);
    raw_close(&store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("differential");
    TCase *tcase = tcase_create("differential");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_random_store, 0, STORES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
