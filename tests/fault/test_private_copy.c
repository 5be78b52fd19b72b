/* SPDX-License-Identifier: ISC */
/*
 * Private copies are taken while a process commits hundreds of times a second, with liblmdb alone:
 * each copy is exactly one state. Each transaction writes one number into every record of a table.
 * A control that does not check for commits made meanwhile must be seen to mix two states.
 *
 * The writer pauses between its transactions. Without a pause the store grows while a backup holds
 * a snapshot, so that each backup takes longer than the one before.
 */
#include "store/db/copy.h"
#include "support/raw_store.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORDS 400
#define FILLER 40000  /* records that no writer touches, so that a copy takes long enough */
#define PAUSE_US 3000 /* at first */
#define PAUSE_US_MAX 200000
#define ENOUGH 100
#define SECONDS_MAX 60
#define BACKUPS 40

typedef int (*take_fn)(struct private_copy *copy, const struct config *config, int *ret_fd,
                       struct espt_error *err);
int control_take(struct private_copy *copy, const struct config *config, int *ret_fd,
                 struct espt_error *err);

static struct config config;
static pid_t writer;
/* The writer pauses for up to this time after each transaction, in microseconds; shared with the
   writer. */
static _Atomic unsigned *pause_us;

static void put(const struct raw_store *store, MDB_txn *txn, enum table table, uint64_t id,
                uint64_t number)
{
    struct record_key key = key_integer(id);
    struct usage_record record = {.uses = number, .last_used = 1};
    uint8_t value[RECORD_MAX];
    const size_t len = usage_encode(&key, &record, value);
    raw_seal(table, &key, value, len);
    raw_put(store, txn, table, &key, value, len);
}

static void write_on(void)
{
    struct raw_store store;
    raw_open(&store, config.store, MDB_NOSYNC);
    for (uint64_t number = 1;; number++) {
        MDB_txn *txn = raw_begin(&store);
        for (uint64_t i = 1; number == 1 && i <= FILLER; i++)
            put(&store, txn, TABLE_TOKENS, i, number);
        for (uint64_t i = 1; i <= RECORDS; i++)
            put(&store, txn, TABLE_USAGE, i << 32, number);
        raw_commit(&store, txn);
        usleep((useconds_t)rand() % *pause_us);
    }
}

static void setup(void)
{
    pause_us =
        mmap(NULL, sizeof *pause_us, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(pause_us != MAP_FAILED);
    *pause_us = PAUSE_US;
    use_memory(); /* a disk that writes back what the writer never syncs makes each copy wait */
    const char *folder = temp_folder();
    snprintf(config.store, sizeof config.store, "%s/tokens.mdb", folder);
    config.map_size = RAW_MAP_SIZE;
    setenv("TMPDIR", folder, 1);
    struct raw_store store;
    raw_open(&store, config.store, 0);
    raw_close(&store);
    writer = fork_child();
    if (writer == 0) {
        write_on();
        _exit(0);
    }
}

/* A copy takes longer on some machines than on others, so the pauses follow: about every second
   copy should be overtaken. */
static void adjust_pause(bool overtaken)
{
    const unsigned most = *pause_us, next = overtaken ? most + most / 8 : most - most / 8;
    *pause_us = next < 8 ? 8 : next > PAUSE_US_MAX ? PAUSE_US_MAX : next;
}

static void teardown(void)
{
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
}

/* Returns whether the copy is one state; *ret_number is the number in every record, or 0 before the
   first transaction. A compacted copy starts its transaction ids over. */
static bool is_one(const char *path, bool compact, uint64_t *ret_number)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi main, usage;
    MDB_cursor *cursor = NULL;
    MDB_val k, v;
    struct state_record state;
    struct record_key key = key_state();
    uint64_t count = 0;
    *ret_number = 0;
    if (mdb_env_create(&env) != 0 || mdb_env_set_maxdbs(env, TABLE_COUNT) != 0 ||
        mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0) != 0 ||
        mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0 || mdb_dbi_open(txn, NULL, 0, &main) != 0 ||
        mdb_dbi_open(txn, table_name(TABLE_USAGE), MDB_INTEGERKEY, &usage) != 0)
        return false;
    k = (MDB_val){key.len, key.bytes};
    bool one = mdb_get(txn, main, &k, &v) == 0 &&
               state_decode(v.mv_data, v.mv_size, &state) == STATE_GOOD &&
               (compact || state.transaction == mdb_txn_id(txn)) &&
               mdb_cursor_open(txn, usage, &cursor) == 0;
    while (one && mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0) {
        struct usage_record record = {0};
        memcpy(key.bytes, k.mv_data, key.len = k.mv_size);
        one = usage_decode(&key, v.mv_data, v.mv_size, &record) &&
              (count == 0 || record.uses == *ret_number);
        *ret_number = record.uses;
        count++;
    }
    one = one && (count == 0 || count == RECORDS);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return one;
}

struct seen {
    unsigned whole, overtaken, mixed;
    uint64_t last;
};

static void look(take_fn take, struct seen *seen)
{
    struct private_copy copy = {0};
    struct espt_error err;
    char path[32];
    uint64_t number = 0;
    int fd;
    const int code = take(&copy, &config, &fd, &err);
    ck_assert_msg(code >= 0, "%s", err.message);
    seen->overtaken += code == PRIVATE_COPY_OVERTAKEN;
    if (code == 0) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        /* liblmdb's messages about a mixed copy do not matter */
        const bool one = is_one(path, false, &number);
        seen->whole += one && number > 0;
        seen->mixed += !one;
        ck_assert(!one || number >= seen->last);
        if (one)
            seen->last = number;
        close(fd);
    }
    private_copy_end(&copy);
}

static void crashed(int number)
{
    (void)number;
    _exit(EXIT_SUCCESS);
}

START_TEST(every_copy_is_one_state)
{
    struct seen seen = {0};
    const time_t begun = time(NULL);
    while ((seen.whole < ENOUGH || seen.overtaken < ENOUGH) && time(NULL) - begun < SECONDS_MAX) {
        const unsigned overtaken = seen.overtaken;
        look(private_copy_make, &seen);
        ck_assert_uint_eq(seen.mixed, 0);
        adjust_pause(seen.overtaken > overtaken);
    }
    ck_assert_msg(seen.whole >= ENOUGH && seen.overtaken >= ENOUGH, "%u whole, %u overtaken",
                  seen.whole, seen.overtaken);
}
END_TEST

/* Runs in its own process, because liblmdb may crash on a mixed copy. Two commits during one copy
   mix states, so the writer hardly pauses. */
START_TEST(control_mixes_states)
{
    int status;
    *pause_us = 1;
    pid_t child = fork_child();
    if (child == 0) {
        struct seen seen = {0};
        signal(SIGSEGV, crashed);
        signal(SIGABRT, crashed);
        signal(SIGBUS, crashed);
        signal(SIGFPE, crashed);
        const time_t begun = time(NULL);
        while (seen.mixed == 0 && time(NULL) - begun < SECONDS_MAX)
            look(control_take, &seen);
        _exit(seen.mixed > 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "the control errs not: this test proves nothing");
}
END_TEST

/* Backups are one state, too: a backup holds a snapshot while it runs. */
START_TEST(every_backup_is_one_state)
{
    struct store *store;
    struct espt_error err;
    const char *path = keep_string(strdup(in_folder(temp_folder(), "backup.mdb")));
    uint64_t number = 0;
    ck_assert_msg(store_open(&store, &config, &err) == 0, "%s", err.message);
    for (int i = 0; i<BACKUPS; i += number> 0) {
        ck_assert_msg(copy_write(store, path, true, &err) == 0, "%s", err.message);
        ck_assert(is_one(path, true, &number));
        ck_assert_int_eq(unlink(path), 0);
    }
    store_close(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("private_copy");
    TCase *copies = tcase_create("copies"), *whole = tcase_create("backups");
    tcase_set_timeout(copies, 2 * SECONDS_MAX);
    tcase_set_timeout(whole, 2 * SECONDS_MAX);
    tcase_add_checked_fixture(copies, setup, teardown);
    tcase_add_checked_fixture(whole, setup, teardown);
    tcase_add_test(copies, every_copy_is_one_state);
    tcase_add_test(copies, control_mixes_states);
    tcase_add_test(whole, every_backup_is_one_state);
    suite_add_tcase(suite, copies);
    suite_add_tcase(suite, whole);
    return run_suite(suite);
}
