/* SPDX-License-Identifier: ISC */
/*
 * Hosts with a limit on address space or locked memory. The validator uses about the store's size,
 * grows with the store, and answers throughout.
 */
#include "host.h"
#include "support/raw_store.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MIB (UINT64_C(1) << 20)
#define LARGE (344 * MIB)
#define ROWS 4000 /* in one commit: more than a MiB */
#define COMMITS 48

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static struct text text;
static const char *store;

/* Loads the plugin; each test calls `open` itself. */
static void setup(void)
{
    config = store_folder(&folder);
    store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    text = text_in(DO("entity", "add", "shop", "--kind", "customer"));
    host_load();
}

static uint64_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert(file != NULL && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t file_size(void)
{
    struct stat st;
    ck_assert_int_eq(stat(store, &st), 0);
    return (uint64_t)st.st_size;
}

/* Makes the file sparse: the reader never reads bytes after the store's last page. */
static void make_large(void)
{
    ck_assert_int_eq(truncate(store, (off_t)LARGE), 0);
}

/* Sets the soft limit. Returns the result, which is at most the hard limit. */
static uint64_t limit(int resource, uint64_t bytes)
{
    struct rlimit to;
    ck_assert_int_eq(getrlimit((__rlimit_resource_t)resource, &to), 0);
    to.rlim_cur = bytes < to.rlim_max ? bytes : to.rlim_max;
    ck_assert_int_eq(setrlimit((__rlimit_resource_t)resource, &to), 0);
    return to.rlim_cur;
}

static bool must_not_open(const char *name, uint64_t bytes)
{
    char err[512] = "", number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)bytes);
    if (plugin->open(&ctx, config, NULL, NULL, err, sizeof err))
        return false;
    ck_assert_msg(strstr(err, name) != NULL && strstr(err, number) != NULL &&
                      strstr(err, "raise the limit") != NULL,
                  "%s", err);
    return true;
}

/* --- address space --- */

START_TEST(address_space_is_near_the_file)
{
    if (_i == 1)
        make_large();
    const uint64_t before = address_space();
    host_open();
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    const uint64_t taken = address_space() - before;
    ck_assert_msg(SANITIZED || taken <= 2 * file_size() + 64 * MIB, "%llu of a store of %llu",
                  (unsigned long long)taken, (unsigned long long)file_size());
    plugin->close(ctx);
}
END_TEST

START_TEST(a_small_store_under_512_mib)
{
    if (SANITIZED) {
        puts("SKIPPED a_small_store_under_512_mib: a sanitizer takes terabytes");
        return;
    }
    const uint64_t before = address_space();
    limit(RLIMIT_AS, 512 * MIB);
    host_open();
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    ck_assert_uint_lt(address_space() - before, 64 * MIB);
    limit(RLIMIT_AS, RLIM_INFINITY); /* for esp-tokenctl */
    DO("entity", "edit", "shop", "--status", "inactive");
    ck_assert_int_eq(verdict(&text), ESPT_DENY_SUSPENDED);
    plugin->close(ctx);
}
END_TEST

START_TEST(a_large_store_under_256_mib)
{
    if (SANITIZED) {
        puts("SKIPPED a_large_store_under_256_mib: a sanitizer takes terabytes");
        return;
    }
    make_large();
    limit(RLIMIT_AS, 256 * MIB);
    ck_assert(must_not_open("address space limit (RLIMIT_AS)", 256 * MIB));
}
END_TEST

/* The address space suffices for the store, but not for growth. */
START_TEST(a_large_store_that_just_fits)
{
    if (SANITIZED) {
        puts("SKIPPED a_large_store_that_just_fits: a sanitizer takes terabytes");
        return;
    }
    make_large();
    limit(RLIMIT_AS, address_space() + LARGE + 16 * MIB);
    host_open();
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    plugin->close(ctx);
}
END_TEST

/* --- locked memory --- */

/* As a user other than root, because the limit does not apply to root. */
static void become_nobody(void)
{
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod(store, 0644), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
}

START_TEST(memory_is_locked_without_a_limit)
{
    if (SANITIZED || mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        puts("SKIPPED memory_is_locked_without_a_limit: memory cannot be locked here");
        return;
    }
    host_open();
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    DO("entity", "edit", "shop", "--status", "inactive");
    ck_assert_int_eq(verdict(&text), ESPT_DENY_SUSPENDED);
    plugin->close(ctx);
}
END_TEST

/* Under each limit, `open` succeeds, or its message names the limit. */
START_TEST(memory_is_locked_under_a_limit)
{
    static const uint64_t limits[] = {64 * MIB, 8 * MIB, 4 * MIB, 64 * MIB};
    if (SANITIZED) {
        puts("SKIPPED memory_is_locked_under_a_limit: a sanitizer takes terabytes");
        return;
    }
    if (_i == 3)
        make_large();
    const uint64_t bytes = limit(RLIMIT_MEMLOCK, limits[_i]);
    become_nobody();
    ck_assert_int_eq(mlockall(MCL_FUTURE), 0);
    if (_i == 3) {
        ck_assert(must_not_open("locked memory limit (RLIMIT_MEMLOCK)", bytes));
        return;
    }
    host_open();
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    plugin->close(ctx);
}
END_TEST

/* --- a store that grows --- */

/* Writes rows to a table that validators do not read, in several commits. */
static void grow(void)
{
    struct raw_store raw;
    const struct record_key state_key = key_state();
    uint8_t value[RECORD_MAX] = {0};
    uint64_t row = 1;
    raw_open(&raw, store, MDB_NOSYNC);
    for (int i = 0; i < COMMITS; i++) {
        MDB_txn *txn = raw_begin(&raw);
        struct state_record state;
        MDB_val found;
        for (int n = 0; n < ROWS; n++, row++) {
            const struct record_key key = key_integer(row);
            raw_put(&raw, txn, TABLE_TOKENS, &key, value, sizeof value);
        }
        if (!raw_get(&raw, txn, TABLE_STATE, &state_key, &found) ||
            state_decode(found.mv_data, found.mv_size, &state) != STATE_GOOD)
            abort();
        state.transaction = mdb_txn_id(txn);
        state.revision++;
        state.nonce ^= state.revision * UINT64_C(0x9e3779b97f4a7c15);
        raw_put(&raw, txn, TABLE_STATE, &state_key, value, state_encode(&state, value));
        if (mdb_txn_commit(txn) != 0)
            abort();
        memset(value, 0, sizeof value);
    }
    raw_close(&raw);
}

static atomic_int refused;
static atomic_bool grown;

static void *validate_all_along(void *arg)
{
    (void)arg;
    while (!atomic_load(&grown)) {
        if (verdict(&text) != ESPT_ALLOW)
            atomic_fetch_add(&refused, 1);
    }
    return NULL;
}

static void grow_in_a_child(void)
{
    int status;
    pid_t child = fork_child();
    if (child == 0) {
        grow();
        _exit(0);
    }
    ck_assert(waitpid(child, &status, 0) == child && status == 0);
}

static bool descriptor_is_open(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0;
}

static int descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += descriptor_is_open(fd);
    return count;
}

START_TEST(answers_while_the_store_grows)
{
    pthread_t threads[2];
    const uint64_t before = address_space();
    const int files = descriptors();
    host_open();
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, validate_all_along, NULL), 0);
    grow_in_a_child();
    atomic_store(&grown, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&refused), 0);
    ck_assert_uint_gt(file_size(), 40 * MIB);
    for (int i = 0; i < 2; i++) /* the replaced mappings are unmapped */
        ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    const uint64_t taken = address_space() - before;
    ck_assert_msg(SANITIZED || taken <= 2 * file_size() + 64 * MIB + 2 * 72 * MIB,
                  "%llu of a store of %llu", (unsigned long long)taken,
                  (unsigned long long)file_size());
    plugin->close(ctx);
    ck_assert_int_eq(descriptors(), files);
}
END_TEST

/* The larger mapping opens nothing: it works after a chroot, and without a free descriptor. */
START_TEST(grows_without_opening_anything)
{
    if (geteuid() != 0) {
        puts("SKIPPED grows_without_opening_anything: needs root");
        return;
    }
    int go[2], status;
    ck_assert_int_eq(pipe(go), 0);
    host_open();
    pid_t child = fork_child();
    if (child == 0) {
        char byte;
        const struct rlimit none = {0, 0};
        if (chroot(folder) != 0 || chdir("/") != 0 || verdict(&text) != ESPT_ALLOW ||
            read(go[0], &byte, 1) != 1 || setrlimit(RLIMIT_NOFILE, &none) != 0)
            _exit(2);
        for (int i = 0; i < 100; i++)
            if (verdict(&text) != ESPT_ALLOW)
                _exit(1);
        _exit(0);
    }
    grow_in_a_child();
    ck_assert_int_eq(write(go[1], "", 1), 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    plugin->close(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tcase = tcase_create("limits");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_loop_test(tcase, address_space_is_near_the_file, 0, 2);
    tcase_add_test(tcase, a_small_store_under_512_mib);
    tcase_add_test(tcase, a_large_store_under_256_mib);
    tcase_add_test(tcase, a_large_store_that_just_fits);
    tcase_add_test(tcase, memory_is_locked_without_a_limit);
    tcase_add_loop_test(tcase, memory_is_locked_under_a_limit, 0, 4);
    tcase_add_test(tcase, answers_while_the_store_grows);
    tcase_add_test(tcase, grows_without_opening_anything);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
