/* The writer of the stress test, and what each of its snapshots holds. For that test alone. */
#ifndef TESTS_WRITER_H
#define TESTS_WRITER_H

#include "support/raw_store.h"
#include "support/support.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEYS 1200
#define PERIOD 16 /* a key is touched in every 16th transaction */
#define DROP_PERIOD 97
#define DELAY_MAX_US 3000u
#define SPILL_PAGES 131072 /* what a transaction of LMDB keeps in memory */

/* Shared by all processes. */
struct shared {
    atomic_bool stop;
    atomic_bool spill;
    atomic_ulong looks, met, agains, commits, failures, kills, spills;
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

static const enum table used[] = {TABLE_AUTH, TABLE_NAMES, TABLE_RESELLERS, TABLE_ENTITIES};
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
    struct record_key key = nth_key(table, n);
    raw_seal(table, &key, out, *ret_len);
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

/* The file cannot be written from some page on, as on a full disk. */
static void fill_disk(bool full)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    struct stat st;
    if (full && stat(path, &st) == 0)
        limit.rlim_cur = 8192 + (rlim_t)draw((uint32_t)(st.st_size / 4096) + 16) * 4096;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        abort();
}

/* Where the disk is full, it fails at whatever it writes; the environment is then opened anew. */
static void commit(struct raw_store *store, MDB_txn *txn)
{
    bool full = draw(8) == 0;
    fill_disk(full);
    int rc = raw_try_commit(store, txn);
    fill_disk(false);
    if (rc == 0) {
        atomic_fetch_add(&shared->commits, 1);
        return;
    }
    if (!full)
        abort();
    atomic_fetch_add(&shared->failures, 1);
    raw_close(store);
    raw_open(store, path, MDB_NOMETASYNC);
}

static _Noreturn void run_writer(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGXFSZ, SIG_IGN);
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
        commit(&store, txn);
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

#endif
