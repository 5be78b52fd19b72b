/* SPDX-License-Identifier: ISC */
/* The reader alone, on stores that liblmdb writes: growth, truncation, damage. */
#include "reader/reader.h"

#include "reader/meta.h"
#include "support/raw_store.h"
#include "support/support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS 300
#define PAGE 4096

static const char *path;

static size_t nth_len(uint32_t n)
{
    return RAW_VALUE_MIN + 1 + n % (RECORD_MAX - RAW_VALUE_MIN);
}

static void put(const struct raw_store *store, MDB_txn *txn, enum table table,
                struct record_key key, uint32_t n)
{
    uint8_t value[RECORD_MAX];
    memset(value, (int)mdb_txn_id(txn), sizeof value);
    raw_seal(table, &key, value, nth_len(n));
    raw_put(store, txn, table, &key, value, nth_len(n));
}

/* Creates a store with `keys` integer keys and names, whose values hold the transaction's id. */
static size_t make_store(uint32_t keys)
{
    path = in_folder(temp_folder(), "store");
    struct raw_store store;
    raw_open(&store, path, MDB_NOSYNC);
    size_t id = 0;
    for (int round = 0; round < 2; round++) {
        MDB_txn *txn = raw_begin(&store);
        id = mdb_txn_id(txn);
        for (uint32_t n = 0; n < keys; n++) {
            put(&store, txn, TABLE_AUTH, key_integer(n), n);
            put(&store, txn, TABLE_CUSTOMERS, key_pair(n, n), n);
        }
        raw_commit(&store, txn);
    }
    raw_close(&store);
    return id;
}

static void must_open(struct reader *ret_reader)
{
    struct espt_error err;
    ck_assert_msg(raw_reader(ret_reader, path, &err) == 0, "%s", err.message);
}

static void must_refuse(const char *why)
{
    struct reader reader;
    struct espt_error err = {0};
    ck_assert_int_eq(raw_reader(&reader, path, &err), ESPT_UNUSABLE);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s", err.message);
}

/* Reads every key and counts the right answers. The first status that is neither OK nor CORRUPT
   ends the survey. */
struct survey {
    size_t id; /* transaction id of the newest state */
    uint32_t keys;
    uint32_t right;
    bool damaged_store;
};

static enum reader_status look_all(void *arg, struct snapshot *snapshot)
{
    struct survey *survey = arg;
    survey->right = 0;
    ck_assert_uint_eq(snapshot->transaction, survey->id);
    for (uint32_t n = 0; n < 2 * survey->keys; n++) {
        struct record_key key = n % 2 == 0 ? key_integer(n / 2) : key_pair(n / 2, n / 2);
        uint8_t value[RECORD_MAX];
        size_t len = 0;
        enum reader_status status =
            reader_get(snapshot, n % 2 == 0 ? TABLE_AUTH : TABLE_CUSTOMERS, &key, value, &len);
        if (status == READER_OK && len == nth_len(n / 2) && value[1] == (uint8_t)survey->id)
            survey->right++;
        else if (!survey->damaged_store)
            return status == READER_OK ? READER_CORRUPT : status;
    }
    return READER_OK;
}

static enum reader_status get_once(struct reader *reader, enum table table, struct record_key key)
{
    struct snapshot snapshot;
    uint8_t value[RECORD_MAX];
    size_t len;
    ck_assert_int_eq(reader_begin(&snapshot, reader), READER_OK);
    enum reader_status status = reader_get(&snapshot, table, &key, value, &len);
    ck_assert_int_eq(reader_end(&snapshot), READER_OK);
    return status;
}

START_TEST(test_finds)
{
    static const uint32_t counts[] = {1, 2, 7, KEYS, 20000};
    uint32_t keys = counts[_i];
    struct survey survey = {.id = make_store(keys), .keys = keys};
    struct reader reader;
    must_open(&reader);
    ck_assert_int_eq(reader_look_up(&reader, look_all, &survey), READER_OK);
    ck_assert_uint_eq(survey.right, 2 * keys);
    ck_assert_int_eq(get_once(&reader, TABLE_AUTH, key_integer(keys)), READER_NONE);
    ck_assert_int_eq(get_once(&reader, TABLE_AUTH, key_integer(UINT64_MAX)), READER_NONE);
    ck_assert_int_eq(get_once(&reader, TABLE_AUTH, key_name("short", 5)), READER_NONE);
    ck_assert_int_eq(get_once(&reader, TABLE_CUSTOMERS, key_pair(0, 1)), READER_NONE);
    ck_assert_int_eq(get_once(&reader, TABLE_CUSTOMERS, key_name("", 0)), READER_NONE);
    ck_assert_int_eq(get_once(&reader, TABLE_TOKENS, key_integer(0)), READER_NONE);
    ck_assert_int_eq(get_once(&reader, TABLE_NAMES, key_name("name", 4)), READER_NONE);
    ck_assert_int_eq(get_once(&reader, TABLE_STATE, key_state()), READER_OK);
    /* the record of a named table is not a value */
    ck_assert_int_eq(get_once(&reader, TABLE_STATE, key_name("auth", 4)), READER_CORRUPT);
    reader_close(&reader);
}
END_TEST

/* A mapping of a small file also reads what is appended later, up to the mapping's size. */
START_TEST(test_growth)
{
    make_store(1);
    struct reader reader, small, blind;
    must_open(&reader);
    must_open(&small);
    must_open(&blind);
    struct raw_store store;
    raw_open(&store, path, MDB_NOSYNC);
    MDB_txn *txn = raw_begin(&store);
    uint8_t value[RECORD_MAX] = {0};
    for (uint32_t n = 0; n < 20000; n++) {
        struct record_key key = key_integer(n);
        raw_put(&store, txn, TABLE_AUTH, &key, value, sizeof value);
    }
    raw_commit(&store, txn);
    ck_assert_int_eq(get_once(&reader, TABLE_AUTH, key_integer(19999)), READER_OK);
    struct snapshot snapshot;
    size_t mapped = small.mapped;
    small.mapped = META_PAGES * PAGE;
    ck_assert_int_eq(reader_begin(&snapshot, &small), READER_BEYOND);
    small.mapped = mapped;
    /* after a host has closed all descriptors, the file's size cannot be read */
    const int fd = blind.fd;
    blind.fd = -1;
    ck_assert_int_eq(reader_begin(&snapshot, &blind), READER_CORRUPT);
    blind.fd = fd;
    ck_assert_int_eq(get_once(&blind, TABLE_AUTH, key_integer(19999)), READER_OK);
    reader_close(&blind);
    raw_close(&store);
    reader_close(&reader);
    reader_close(&small);
}
END_TEST

/* A page after the end of the mapping gives READER_BEYOND, never READER_CORRUPT, for any size of
   the mapping. This includes the root of the state before, which may be the last page of all. */
START_TEST(test_every_mapping)
{
    unsigned ways[2] = {0};
    make_store(KEYS);
    struct raw_store store;
    raw_open(&store, path, MDB_NOSYNC);
    for (int i = 0; i < 6; i++) {
        struct reader reader;
        struct snapshot snapshot;
        MDB_txn *txn = raw_begin(&store);
        /* The first transaction uses all free pages and new ones, so the root of the second is
           after them all. The third uses pages that the first freed, and its state before is the
           second's.
         */
        for (uint32_t n = 0; n < (i % 3 == 0 ? 3000 : 1); n++)
            put(&store, txn, TABLE_AUTH, key_integer(n), n);
        raw_commit(&store, txn);
        must_open(&reader);
        const size_t mapped = reader.mapped;
        const uint64_t pages = atomic_load(&reader.size) / PAGE;
        for (uint64_t n = META_PAGES; n <= pages; n++) {
            struct record_key key = key_integer(KEYS / 2);
            uint8_t value[RECORD_MAX];
            size_t len;
            reader.mapped = n * PAGE;
            enum reader_status status = reader_begin(&snapshot, &reader);
            if (status == READER_OK)
                status = reader_get(&snapshot, TABLE_AUTH, &key, value, &len);
            ck_assert_msg(status == READER_OK || status == READER_BEYOND, "%d", status);
            ways[status == READER_OK]++;
        }
        reader.mapped = mapped;
        reader_close(&reader);
    }
    ck_assert(ways[0] > 0 && ways[1] > 0);
    raw_close(&store);
}
END_TEST

static void commit_state(struct state_record state, size_t newer_by)
{
    struct raw_store store;
    raw_open(&store, path, MDB_NOSYNC);
    MDB_txn *txn = raw_begin(&store);
    state.transaction = mdb_txn_id(txn) + newer_by;
    struct record_key key = key_state();
    uint8_t value[RECORD_MAX];
    raw_put(&store, txn, TABLE_STATE, &key, value, state_encode(&state, value));
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    raw_close(&store);
}

START_TEST(test_state)
{
    make_store(KEYS);
    struct reader reader;
    struct snapshot snapshot;
    struct survey survey = {.keys = KEYS};
    must_open(&reader);
    commit_state((struct state_record){.revision = 1000, .next_number = 1}, 1); /* not stamped */
    ck_assert_int_eq(reader_begin(&snapshot, &reader), READER_AGAIN);
    ck_assert_int_eq(reader_look_up(&reader, look_all, &survey), READER_AGAIN);
    commit_state((struct state_record){.revision = 1000, .next_number = 1, .closed = true}, 0);
    ck_assert_int_eq(reader_begin(&snapshot, &reader), READER_CLOSED);
    ck_assert_int_eq(reader_look_up(&reader, look_all, &survey), READER_CLOSED);
    reader_close(&reader);
}
END_TEST

/* A plain LMDB file, and one without any record. */
START_TEST(test_not_our_tables)
{
    path = in_folder(temp_folder(), "store");
    MDB_env *env;
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    struct reader reader;
    struct snapshot snapshot;
    must_open(&reader);
    ck_assert_int_eq(reader_begin(&snapshot, &reader), READER_CORRUPT);
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val key = {.mv_size = 1, .mv_data = (char[]){"k"}};
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    ck_assert_int_eq(mdb_put(txn, dbi, &key, &key, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    ck_assert_int_eq(reader_begin(&snapshot, &reader), READER_CORRUPT);
    mdb_env_close(env);
    reader_close(&reader);
}
END_TEST

START_TEST(test_refuses)
{
    static const struct {
        size_t at;
        uint32_t value;
        const char *why;
    } damages[] = {
        {META_AT_MAGIC, 0xBEEFC0DF, "does not begin"},
        {META_AT_MAGIC, 0xDEC0EFBE, "big-endian"},
        {META_AT_VERSION, 2, "another version"},
        {META_AT_PAGE_SIZE, 0, "page size"},
        {META_AT_PAGE_SIZE, 256, "page size"},
        {META_AT_PAGE_SIZE, 4097, "page size"},
        {META_AT_PAGE_SIZE, 65536, "page size"},
        {META_AT_PAGE_SIZE, 0x80000000, "page size"},
        {0, 0, NULL},
    };
    make_store(KEYS);
    size_t len;
    char *whole = file_read(path, &len);
    for (size_t i = 0; damages[i].why != NULL; i++) {
        char *bytes = malloc(len);
        memcpy(bytes, whole, len);
        memcpy(bytes + damages[i].at, &damages[i].value, sizeof damages[i].value);
        file_write(path, bytes, len, 0600);
        must_refuse(damages[i].why);
        free(bytes);
    }
    file_write(path, "", 0, 0600);
    must_refuse("empty");
    file_text(path, "[store]\npath = /nowhere\n");
    must_refuse("too short");
    for (size_t cut = 1; cut < 2 * PAGE; cut += 7) {
        file_write(path, whole, cut, 0600);
        must_refuse(cut < META_END ? "too short" : "cut off");
    }
    free(whole);
    path = "/dev/null";
    must_refuse("not a regular file");
}
END_TEST

/* The file is truncated at each page boundary, and inside each page: right answers, or CORRUPT. */
START_TEST(test_truncated)
{
    struct survey survey = {.id = make_store(KEYS), .keys = KEYS, .damaged_store = true};
    size_t len;
    char *whole = file_read(path, &len);
    for (size_t cut = 2 * PAGE; cut < len; cut += PAGE / 2) {
        file_write(path, whole, cut, 0600);
        struct reader reader;
        must_open(&reader);
        enum reader_status status = reader_look_up(&reader, look_all, &survey);
        ck_assert(status == READER_OK || status == READER_CORRUPT);
        reader_close(&reader);
    }
    free(whole);
}
END_TEST

/* One wrong bit anywhere in the meta pages: never an older state. look_all() requires the id of the
   newest. */
START_TEST(test_damaged_meta)
{
    struct survey survey = {.id = make_store(KEYS), .keys = 3, .damaged_store = true};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    struct reader reader;
    must_open(&reader);
    unsigned corrupt = 0;
    for (int bit = 0; bit < META_END * 8; bit++) {
        uint8_t byte, damaged;
        off_t at = (off_t)_i * PAGE + bit / 8;
        ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
        damaged = (uint8_t)(byte ^ 1u << bit % 8);
        ck_assert_int_eq(pwrite(fd, &damaged, 1, at), 1);
        enum reader_status status = reader_look_up(&reader, look_all, &survey);
        /* The wrong root may be that of an older state; its state record then gives AGAIN. */
        bool root = bit / 8 >= META_AT_MAIN_ROOT && bit / 8 < META_AT_MAIN_ROOT + 8;
        ck_assert_msg(status == READER_OK || status == READER_CORRUPT ||
                          (root && status == READER_AGAIN),
                      "bit %d: %d", bit, status);
        if (bit / 8 >= META_AT_TRANSACTION)
            ck_assert_int_eq(status, READER_CORRUPT);
        corrupt += status == READER_CORRUPT;
        ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    }
    ck_assert_uint_ge(corrupt,
                      8 * (8 + 2 + 4 + 4 + 4 + 8)); /* every byte that meta_read() checks */
    reader_close(&reader);
    close(fd);
}
END_TEST

/* Random bytes anywhere after the meta pages: any answer, but no crash and no hang. */
START_TEST(test_damaged_pages)
{
    struct survey survey = {.id = make_store(KEYS), .keys = KEYS, .damaged_store = true};
    size_t len;
    char *whole = file_read(path, &len);
    uint8_t *bytes = malloc(len);
    srandom(1);
    for (int store = 0; store < 300; store++) {
        memcpy(bytes, whole, len);
        for (int i = 0; i < 200; i++) {
            size_t page = 2 + (size_t)random() % (len / PAGE - 2);
            /* mostly headers and node offsets, where damage has the greatest effect */
            size_t at = (size_t)random() % (i % 2 == 0 ? 64 : PAGE);
            bytes[page * PAGE + at] = (uint8_t)random();
        }
        file_write(path, bytes, len, 0600);
        struct reader reader;
        must_open(&reader);
        enum reader_status status = reader_look_up(&reader, look_all, &survey);
        ck_assert(status == READER_OK || status == READER_CORRUPT || status == READER_AGAIN);
        reader_close(&reader);
    }
    free(bytes);
    free(whole);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reader");
    TCase *tcase = tcase_create("reader");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_finds, 0, 5);
    tcase_add_test(tcase, test_growth);
    tcase_add_test(tcase, test_every_mapping);
    tcase_add_test(tcase, test_state);
    tcase_add_test(tcase, test_not_our_tables);
    tcase_add_test(tcase, test_refuses);
    tcase_add_test(tcase, test_truncated);
    tcase_add_loop_test(tcase, test_damaged_meta, 0, 2);
    tcase_add_test(tcase, test_damaged_pages);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
