/* SPDX-License-Identifier: ISC */
/*
 * Files of the wrong kind in place of the store and of the other files. Each is refused with a
 * message and without a hang, and accepted again once it is repaired, without a restart of any
 * host.
 */
#include "common/record_bytes.h"
#include "reader/meta.h"
#include "torture/things.h"

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define PAGE 4096u

static struct text good, off;
static char *store, *tiers;
static char *whole; /* the bytes of the store */
static size_t whole_len;

static void setup(void)
{
    world_open();
    good = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    off = world_create("shop", "off");
    world_switch_token("shop", "off", 0);
    world_close();
    store = strdup(in_folder(folder, "tokens.mdb"));
    kept = strdup(in_folder(folder, "kept"));
    tiers = strdup(in_folder(folder, "tiers.ini"));
    whole = file_read(store, &whole_len);
    host_load();
    host_open();
}

static void teardown(void)
{
    host_teardown();
    tier_table_free(world_tiers);
    free(store);
    free(kept);
    free(tiers);
}

/* One line that names this file and the fault. */
static void check_message(const char *err, const char *path, const char *words)
{
    ck_assert_msg(strstr(err, path) != NULL, "not of %s: %s", path, err);
    ck_assert_msg(strchr(err, '\n') == NULL && strlen(err) > strlen(path) + 4, "%s", err);
    if (words != NULL)
        ck_assert_msg(strcasestr(err, words) != NULL, "no %s: %s", words, err);
}

static void must_not_open(const char *path, const char *words)
{
    char err[512] = "";
    espt_ctx *other;
    ck_assert_int_eq(plugin->open(&other, config, NULL, NULL, err, sizeof err), 0);
    check_message(err, path, words);
}

/* A host that runs, and one that starts now. */
static void no_store(const char *words)
{
    char err[512] = "";
    must_not_open(store, words);
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    check_message(err, store, words);
    ck_assert_int_eq(verdict(&good), ESPT_ERR_UNAVAILABLE);
    ck_assert_int_eq(verdict(&off), ESPT_ERR_UNAVAILABLE);
}

static void store_is_back(void)
{
    char err[512] = "";
    ck_assert_msg(plugin->refresh(ctx, err, sizeof err) == 1, "%s", err);
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(verdict(&off), ESPT_DENY_INACTIVE);
    host_teardown();
    host_open();
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
}

/* --- what may be there --- */

static void put_back(const char *path)
{
    remove(path);
    ck_assert_int_eq(rename(kept, path), 0);
}

START_TEST(wrong_kinds_of_file)
{
    char err[512];
    if (things[_i].as_root && geteuid() != 0) {
        puts("SKIPPED: a stranger's file needs root");
        return;
    }
    put((size_t)_i, store);
    no_store(things[_i].words);
    put_back(store);
    store_is_back();

    put((size_t)_i, tiers); /* a running host keeps the old table */
    must_not_open(tiers, things[_i].words);
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    check_message(err, tiers, things[_i].words);
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    put_back(tiers);
    store_is_back();

    put((size_t)_i, config); /* and no longer needs its configuration */
    must_not_open(config, things[_i].words);
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 1);
    put_back(config);
    store_is_back();
}
END_TEST

START_TEST(a_link_is_followed)
{
    ck_assert_int_eq(rename(store, kept), 0);
    ck_assert_int_eq(symlink("kept", store), 0);
    store_is_back();
    unlink(store);
    ck_assert_int_eq(rename(kept, store), 0);
    store_is_back();
}
END_TEST

START_TEST(permission_withdrawn)
{
    ck_assert_int_eq(chmod(store, 0666), 0);
    must_not_open(store, "chmod");
    /* the file is open: changes by others are visible at once */
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(chmod(store, 0640), 0);
    ck_assert_int_eq(chmod(folder, 0777), 0);
    must_not_open(folder, "chmod");
    ck_assert_int_eq(chmod(folder, 0700), 0);
    store_is_back();
}
END_TEST

/* The file ends at each kind of boundary. It is a new file each time: truncating a file that hosts
   have mapped is the one thing that its owner must not do (SECURITY.md). */
static void put_cut(size_t len)
{
    char err[512] = "";
    file_write(kept, whole, len, 0640);
    ck_assert_int_eq(rename(kept, store), 0);
    if (plugin->refresh(ctx, err, sizeof err) != 1)
        check_message(err, store, NULL);
    int32_t first = verdict(&good), second = verdict(&off);
    if (len < 2 * (size_t)PAGE) {
        ck_assert(first == ESPT_ERR_UNAVAILABLE && second == ESPT_ERR_UNAVAILABLE);
        must_not_open(store, NULL);
    } else {
        ck_assert_msg(first == ESPT_ALLOW || first == ESPT_ERR_CORRUPT, "%zu: %d", len, first);
        ck_assert_msg(second == ESPT_DENY_INACTIVE || second == ESPT_ERR_CORRUPT, "%zu", len);
    }
}

START_TEST(truncated_store)
{
    const size_t ends[] = {0, 1, 15, 16, 19, 24, 151, 152, 153, 511, 512};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        put_cut(ends[i]);
    for (size_t page = 1; page <= whole_len / PAGE; page++) {
        const long around[] = {-1, 0, 1, 16, PAGE / 2};
        for (size_t i = 0; i < 5; i++) {
            size_t len = page * PAGE + (size_t)around[i];
            if (len < whole_len)
                put_cut(len);
        }
        if (page % 8 == 0) {
            file_write(kept, whole, whole_len, 0640);
            ck_assert_int_eq(rename(kept, store), 0);
            store_is_back();
        }
    }
    file_write(kept, whole, whole_len, 0640);
    ck_assert_int_eq(rename(kept, store), 0);
    store_is_back();
}
END_TEST

/* --- other formats, byte by byte as LMDB's programs write them --- */

static void set32(char *bytes, size_t at, uint32_t value)
{
    memcpy(bytes + at, &value, sizeof value);
}

static void put_changed(size_t at, uint32_t value)
{
    char *bytes = malloc(whole_len);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, whole, whole_len);
    set32(bytes, at, value);
    set32(bytes, PAGE + at, value);
    file_write(kept, bytes, whole_len, 0640);
    free(bytes);
    ck_assert_int_eq(rename(kept, store), 0);
}

START_TEST(other_file_formats)
{
    static const struct {
        size_t at;
        uint32_t value;
        const char *words;
    } cases[] = {
        {META_AT_MAGIC, 0xdec0efbe, "big-endian"}, {META_AT_MAGIC, 0xbeefc0df, "LMDB"},
        {META_AT_VERSION, 999, "version"}, /* of LMDB's development version */
        {META_AT_VERSION, 2, "version"},           {META_AT_VERSION, 0, "version"},
        {META_AT_PAGE_SIZE, 0, "page size"},       {META_AT_PAGE_SIZE, 4095, "page size"},
        {META_AT_PAGE_SIZE, 65536, "page size"},   {META_AT_PAGE_SIZE, 256, "page size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_changed(cases[i].at, cases[i].value);
        no_store(cases[i].words);
        file_write(kept, whole, whole_len, 0640);
        ck_assert_int_eq(rename(kept, store), 0);
        store_is_back();
    }
    /* of a 32-bit machine: its page header has 12 bytes */
    char *bytes = calloc(1, whole_len);
    memcpy(bytes + 12, whole + 16, PAGE - 16);
    file_write(kept, bytes, whole_len, 0640);
    free(bytes);
    ck_assert_int_eq(rename(kept, store), 0);
    no_store("64-bit");
    file_write(kept, whole, whole_len, 0640);
    ck_assert_int_eq(rename(kept, store), 0);
    store_is_back();
    /* a page size other than the meta pages say: whatever is read, no token is allowed */
    put_changed(META_AT_PAGE_SIZE, 8192);
    plugin->refresh(ctx, NULL, 0);
    ck_assert_int_ge(verdict(&good), ESPT_ERR_UNAVAILABLE);
    ck_assert_int_ge(verdict(&off), ESPT_ERR_UNAVAILABLE);
}
END_TEST

/* --- writes with liblmdb alone --- */

static void must(int rc)
{
    ck_assert_msg(rc == 0, "liblmdb: %s", mdb_strerror(rc));
}

/* Runs a transaction that puts `count` values into a table and changes the state record by
   `change`. */
static void write_raw(size_t count, void (*change)(uint8_t *value, size_t len))
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi plain, table;
    struct state_record state;
    struct record_key key = key_state();
    uint8_t value[RECORD_MAX] = {0};
    must(mdb_env_create(&env));
    must(mdb_env_set_maxdbs(env, TABLE_COUNT));
    must(mdb_env_set_mapsize(env, UINT64_C(1) << 30));
    must(mdb_env_open(env, store, MDB_NOSUBDIR | MDB_NOTLS, 0600));
    must(mdb_txn_begin(env, NULL, 0, &txn));
    must(mdb_dbi_open(txn, NULL, 0, &plain));
    must(mdb_dbi_open(txn, table_name(TABLE_BY_ENTITY), 0, &table));
    for (uint64_t n = 0; n < count; n++) {
        struct record_key number = key_integer(n);
        MDB_val k = {number.len, number.bytes};
        MDB_val v = {id_encode(TABLE_BY_ENTITY, &number, n, value), value};
        must(mdb_put(txn, table, &k, &v, 0));
    }
    MDB_val k = {key.len, key.bytes}, v;
    must(mdb_get(txn, plain, &k, &v));
    ck_assert_int_eq(state_decode(v.mv_data, v.mv_size, &state), STATE_GOOD);
    state.transaction = mdb_txn_id(txn);
    state.revision++;
    v = (MDB_val){state_encode(&state, value), value};
    if (change != NULL)
        change(value, v.mv_size);
    must(mdb_put(txn, plain, &k, &v, 0));
    must(mdb_txn_commit(txn));
    mdb_env_close(env);
}

START_TEST(store_grows_a_hundredfold)
{
    struct stat before, after;
    ck_assert_int_eq(stat(store, &before), 0);
    write_raw((size_t)before.st_size * 100 / 20, NULL); /* each record takes at least 20 bytes */
    ck_assert_int_eq(stat(store, &after), 0);
    ck_assert_int_gt(after.st_size, 100 * before.st_size);
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(verdict(&off), ESPT_DENY_INACTIVE);
    ck_assert_int_eq(atomic_load(&warnings) + atomic_load(&notices), 0);
    world_open();
    struct text last = world_create("shop", "last"); /* on pages beyond the old end, or before it */
    world_switch_token("shop", "default", 0);
    world_close();
    ck_assert_int_eq(verdict(&last), ESPT_ALLOW);
    ck_assert_int_eq(verdict(&good), ESPT_DENY_INACTIVE);
}
END_TEST

/* The schema follows the version, and both keep their position in every future schema. */
static void make_newer(uint8_t *value, size_t len)
{
    struct record_key key = key_state();
    struct writer w = {value, len - RECORD_CHECKSUM_LEN};
    value[1]++;
    write_end(&w, TABLE_STATE, &key);
}

START_TEST(newer_schema_is_refused)
{
    write_raw(1, make_newer);
    char err[512] = "";
    espt_result result;
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    check_message(err, store, "newer");
    ck_assert_int_eq(validate_now(&good, NULL, NULL, 0, &result), ESPT_ERR_UNAVAILABLE);
    ck_assert_msg(strstr(result.detail, "newer") != NULL, "%s", result.detail);
    file_write(kept, whole, whole_len, 0640);
    ck_assert_int_eq(rename(kept, store), 0);
    store_is_back();
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("files");
    TCase *tcase = tcase_create("files");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, wrong_kinds_of_file, 0, (int)(sizeof things / sizeof *things));
    tcase_add_test(tcase, a_link_is_followed);
    tcase_add_test(tcase, permission_withdrawn);
    tcase_add_test(tcase, truncated_store);
    tcase_add_test(tcase, other_file_formats);
    tcase_add_test(tcase, store_grows_a_hundredfold);
    tcase_add_test(tcase, newer_schema_is_refused);
    tcase_set_timeout(tcase, 60); /* a hang is a failure */
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
