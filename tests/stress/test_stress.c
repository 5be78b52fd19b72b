/*
 * Readers beside a writer that commits, nests, aborts, drops, spills and is killed. What each key
 * holds is a function of the key and the transaction's id, so that every answer is compared with
 * the exact state of its snapshot. Readers wait at random between any two steps; and the writer
 * waits where a disk would make it, between its pages and its meta page.
 *
 * The control shows that harm would be seen: with the reader's bound loosened by one, it is.
 *
 * ESPT_TORTURE_SECONDS=60 or more makes transactions that spill, too: 600 MB of disk are needed.
 */
#include "stress/reader_copy.h"
#include "support/raw_store.h"
#include "support/support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEYS 1200
#define PERIOD 16 /* a key is touched in every 16th transaction */
#define DROP_PERIOD 97
#define THREADS 4
#define PROCESSES 2
#define DELAY_MAX_US 3000u
#define SHORT_SECONDS 6
#define CONTROL_SECONDS 60
#define SPILL_PAGES 131072 /* what a transaction of LMDB keeps in memory */

/* Shared by all processes. */
struct shared {
    atomic_bool stop;
    atomic_bool spill;
    atomic_ulong looks, agains, commits, kills, spills;
    atomic_ulong missing, wrong, corrupt;
};
static struct shared *shared;
static const char *path;

/* --- chance --- */

static _Thread_local uint64_t chance = 1;

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint32_t draw(uint32_t below)
{
    chance += UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mix(chance) % below);
}

static void wait_us(uint32_t us)
{
    struct timespec time = {.tv_nsec = us * 1000L};
    nanosleep(&time, NULL);
}

/* Most look-ups are quick. In the others most steps take no time; of the rest, as many are short as
   are long. */
static _Thread_local bool patient;

void stress_step(void)
{
    if (patient && draw(8) == 0)
        wait_us(draw(1 + (DELAY_MAX_US >> draw(8))));
}

/* Takes the place of libc's in liblmdb, which calls it between its pages and its meta page. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
    (void)fd;
    if (draw(2) == 0)
        wait_us(draw(400));
    return 0;
}

/* --- what a snapshot holds --- */

static const enum table used[] = {TABLE_AUTH, TABLE_NAMES, TABLE_ENTITIES};
#define USED (sizeof used / sizeof *used)

static struct record_key nth_key(enum table table, uint32_t n)
{
    if (table_has_integer_key(table))
        return key_integer(mix(n + 1));
    char name[16];
    int len = snprintf(name, sizeof name, "name-%u", n);
    return key_name(name, (size_t)len);
}

/* The value that transaction `id` puts under the key; false: it deletes the key. */
static bool value_of(enum table table, uint32_t n, uint64_t id, uint8_t *out, size_t *ret_len)
{
    uint64_t seed = mix(id * TABLE_COUNT + (uint64_t)table) ^ mix(n);
    if (seed % 5 == 0)
        return false;
    *ret_len = 16 + seed % (RECORD_MAX - 15);
    for (size_t i = 0; i < *ret_len; i += sizeof seed) {
        seed = mix(seed + 1);
        size_t rest = *ret_len - i;
        memcpy(out + i, &seed, rest < sizeof seed ? rest : sizeof seed);
    }
    return true;
}

/* The key's value in the snapshot after transaction `id`; false: it has none. */
static bool expected(enum table table, uint32_t n, uint64_t id, uint8_t *out, size_t *ret_len)
{
    uint64_t age = (id + PERIOD - n % PERIOD) % PERIOD;
    if (id < 2 + age) /* the first transaction only makes the tables */
        return false;
    if (table == TABLE_ENTITIES && id - age < id - id % DROP_PERIOD)
        return false;
    return value_of(table, n, id - age, out, ret_len);
}

/* --- the writer --- */

static void put_garbage(const struct raw_store *store, MDB_txn *txn)
{
    uint8_t value[RECORD_MAX];
    memset(value, 0x5a, sizeof value);
    for (uint32_t i = draw(300); i > 0; i--) {
        enum table table = used[draw(USED)];
        struct record_key key = nth_key(table, draw(KEYS));
        if (draw(3) == 0)
            raw_delete(store, txn, table, &key);
        else
            raw_put(store, txn, table, &key, value, sizeof value);
    }
}

/* Pages of a transaction that is too large go to the file before it ends. */
static void spill(const struct raw_store *store, MDB_txn *txn)
{
    static uint8_t page[4000];
    MDB_val v = {.mv_size = sizeof page, .mv_data = page};
    for (uint64_t n = 0; n < SPILL_PAGES + SPILL_PAGES / 8; n++) {
        MDB_val k = {.mv_size = sizeof n, .mv_data = &n};
        if (mdb_put(txn, store->dbi[TABLE_TOKENS], &k, &v, MDB_APPEND) != 0)
            abort();
    }
    atomic_fetch_add(&shared->spills, 1);
    put_garbage(store, txn);
}

static void write_one(const struct raw_store *store, MDB_txn *txn)
{
    uint64_t id = mdb_txn_id(txn);
    if (id % DROP_PERIOD == 0)
        raw_drop(store, txn, TABLE_ENTITIES);
    for (size_t i = 0; i < USED; i++) {
        for (uint32_t n = (uint32_t)(id % PERIOD); n < KEYS; n += PERIOD) {
            struct record_key key = nth_key(used[i], n);
            uint8_t value[RECORD_MAX];
            size_t len;
            if (value_of(used[i], n, id, value, &len))
                raw_put(store, txn, used[i], &key, value, len);
            else
                raw_delete(store, txn, used[i], &key);
        }
    }
}

static void nest(const struct raw_store *store, MDB_txn *txn, bool keep)
{
    MDB_txn *inner;
    if (mdb_txn_begin(store->env, txn, 0, &inner) != 0)
        abort();
    if (keep) {
        write_one(store, inner);
        if (mdb_txn_commit(inner) != 0)
            abort();
    } else {
        put_garbage(store, inner);
        mdb_txn_abort(inner);
    }
}

static _Noreturn void run_writer(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    chance = (uint64_t)getpid();
    struct raw_store store;
    raw_open(&store, path, MDB_NOMETASYNC);
    for (;;) {
        MDB_txn *txn = raw_begin(&store);
        uint32_t what = draw(10);
        if (what < 2) {
            put_garbage(&store, txn);
            mdb_txn_abort(txn);
            continue;
        }
        if (atomic_load(&shared->spill) && draw(500) == 0) {
            spill(&store, txn);
            mdb_txn_abort(txn);
            continue;
        }
        if (what == 2)
            nest(&store, txn, false);
        if (what == 3)
            nest(&store, txn, true);
        else
            write_one(&store, txn);
        raw_commit(&store, txn);
        atomic_fetch_add(&shared->commits, 1);
    }
}

/* One writer at a time, each killed wherever it is. */
static _Noreturn void run_writers(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    chance = (uint64_t)getpid();
    while (!atomic_load(&shared->stop)) {
        pid_t writer = fork();
        if (writer == 0)
            run_writer();
        for (uint32_t i = 1 + draw(draw(3) == 0 ? 3000 : 300); i > 0 && !atomic_load(&shared->stop);
             i--)
            wait_us(1000);
        int status;
        if (waitpid(writer, &status, WNOHANG) != 0)
            abort();
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
        atomic_fetch_add(&shared->kills, 1);
    }
    _exit(0);
}

/* --- readers --- */

struct visitor {
    const struct reader_copy *copy;
    struct reader *reader;
    uint64_t seed;
};

static void look_once(const struct visitor *visitor)
{
    enum table table = used[draw(USED)];
    uint32_t n = draw(KEYS);
    struct record_key key = nth_key(table, n);
    uint8_t value[RECORD_MAX], right[RECORD_MAX];
    size_t len = 0, right_len = 0;
    struct snapshot snapshot;
    patient = draw(64) == 0;
    enum reader_status status = visitor->copy->begin(&snapshot, visitor->reader);
    if (status == READER_OK) {
        status = visitor->copy->get(&snapshot, table, &key, value, &len);
        if (visitor->copy->end(&snapshot) != READER_OK)
            status = READER_AGAIN;
    } else if (status == READER_CORRUPT) {
        status = READER_AGAIN; /* a meta page in the writing */
    }
    atomic_fetch_add(&shared->looks, 1);
    if (status == READER_AGAIN) {
        atomic_fetch_add(&shared->agains, 1);
        return;
    }
    bool there = expected(table, n, snapshot.transaction, right, &right_len);
    if (status == READER_NONE)
        atomic_fetch_add(&shared->missing, there);
    else if (status != READER_OK)
        atomic_fetch_add(&shared->corrupt, 1);
    else if (!there || len != right_len || memcmp(value, right, len) != 0 ||
             snapshot.state.revision != snapshot.transaction)
        atomic_fetch_add(&shared->wrong, 1);
}

static void *run_reader(void *arg)
{
    const struct visitor *visitor = arg;
    chance = visitor->seed;
    while (!atomic_load(&shared->stop))
        look_once(visitor);
    return NULL;
}

/* In a process of its own: on its parent's mapping, or on its own. */
static pid_t start_process(struct visitor visitor, bool own_mapping)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct reader reader;
    struct espt_error err;
    if (own_mapping) {
        if (raw_reader(&reader, path, &err) != 0)
            abort();
        visitor.reader = &reader;
    }
    run_reader(&visitor);
    _exit(0);
}

static unsigned long failures(void)
{
    return atomic_load(&shared->missing) + atomic_load(&shared->wrong) +
           atomic_load(&shared->corrupt);
}

static void end_well(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static void torture(const struct reader_copy *copy, unsigned seconds, bool until_failure)
{
    path = in_folder(temp_folder(), "store");
    struct raw_store store;
    raw_open(&store, path, MDB_NOSYNC);
    raw_close(&store);
    pid_t writers = fork();
    if (writers == 0)
        run_writers();

    struct reader reader;
    struct espt_error err;
    ck_assert_msg(raw_reader(&reader, path, &err) == 0, "%s", err.message);
    pid_t processes[PROCESSES];
    pthread_t threads[THREADS];
    struct visitor visitors[THREADS];
    for (unsigned i = 0; i < PROCESSES; i++)
        processes[i] = start_process((struct visitor){copy, &reader, 100 + i}, i % 2 == 0);
    for (unsigned i = 0; i < THREADS; i++) {
        visitors[i] = (struct visitor){copy, &reader, 200 + i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_reader, &visitors[i]), 0);
    }
    for (unsigned tick = 0; tick < seconds * 100; tick++) {
        if (until_failure && failures() > 0)
            break;
        wait_us(10000);
    }
    atomic_store(&shared->stop, true);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < PROCESSES; i++)
        end_well(processes[i]);
    end_well(writers);
    reader_close(&reader);
    printf("%lu looks, %lu of them again, beside %lu commits, %lu kills and %lu spills: ",
           atomic_load(&shared->looks), atomic_load(&shared->agains), atomic_load(&shared->commits),
           atomic_load(&shared->kills), atomic_load(&shared->spills));
    printf("%lu missing, %lu wrong, %lu corrupt\n", atomic_load(&shared->missing),
           atomic_load(&shared->wrong), atomic_load(&shared->corrupt));
}

static void share(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(shared != MAP_FAILED);
}

START_TEST(test_readers)
{
    const char *text = getenv("ESPT_TORTURE_SECONDS");
    unsigned seconds = text != NULL ? (unsigned)strtoul(text, NULL, 10) : SHORT_SECONDS;
    share();
    atomic_store(&shared->spill, seconds >= 60);
    torture(&delayed_reader, seconds, false);
    ck_assert_uint_eq(failures(), 0);
    ck_assert_uint_gt(atomic_load(&shared->looks), atomic_load(&shared->agains));
    ck_assert_uint_gt(atomic_load(&shared->commits), 100);
}
END_TEST

START_TEST(test_control)
{
    share();
    torture(&control_reader, CONTROL_SECONDS, true);
    ck_assert_uint_gt(failures(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stress");
    TCase *tcase = tcase_create("stress");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, test_readers);
    tcase_add_test(tcase, test_control);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
