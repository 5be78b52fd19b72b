/* SPDX-License-Identifier: ISC */
/* The writer of the stress test, and the contents of each of its snapshots. Only that test includes
   this. */
#ifndef TESTS_WRITER_H
#define TESTS_WRITER_H

#include "support/raw_store.h"
#include "support/support.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEYS 1200
#define PERIOD 16 /* each key is written in every 16th transaction */
#define DROP_PERIOD 97
#define DELAY_MAX_US 3000u
#define SPILL_PAGES 131072 /* the most pages that LMDB keeps in memory for a transaction */
#define HISTORY 4096       /* transactions whose nonces are remembered */
#define META_END_AT 8192   /* where the two meta pages end */

/* Shared by all processes. */
struct shared {
    atomic_bool stop;
    atomic_bool spill;
    atomic_ulong looks, met, agains, commits, failures, metas, restores, kills, spills;
    atomic_ulong missing, wrong, corrupt;
    _Atomic uint64_t nonce[HISTORY]; /* for each id, of the last transaction that tried to commit */
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

/* Most look-ups do not wait. In the others, most steps do not wait; the remaining steps wait, half
   of them short and half of them long. */
static _Thread_local bool patient;

void stress_step(void)
{
    if (patient && draw(8) == 0)
        wait_us(draw(1 + (DELAY_MAX_US >> draw(8))));
}

/* Replaces libc's function for liblmdb, which calls it between its pages and its meta page. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
    (void)fd;
    if (draw(2) == 0)
        wait_us(draw(400));
    return 0;
}

/* How the next write of a meta page fails. LMDB then overwrites it with the old ids, to revoke the
   commit. With HALF_TAKEN_BACK that fails too, and the commit stays. */
enum meta_failure {
    META_WORKS,
    NOTHING_WRITTEN,
    WRITTEN,
    HALF_WRITTEN,
    HALF_TAKEN_BACK,
    META_WAYS
};
static enum meta_failure meta_failure;
static unsigned meta_fails_one_in = 6;

/* Replaces libc's function for liblmdb. A short write at the start of the file is a meta page. */
__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *bytes, size_t len,
                                                      off_t at)
{
    const enum meta_failure how = at < META_END_AT && len < 4096 ? meta_failure : META_WORKS;
    const size_t written = how == HALF_WRITTEN ? len / 2 : len;
    if (how != NOTHING_WRITTEN && syscall(SYS_pwrite64, fd, bytes, written, at) != (ssize_t)written)
        return -1;
    if (how == META_WORKS)
        return (ssize_t)len;
    meta_failure = how == HALF_TAKEN_BACK ? NOTHING_WRITTEN : META_WORKS;
    wait_us(draw(2000)); /* how long readers can see the commit */
    errno = EIO;
    return -1;
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

/* The value that the transaction with `id` and the nonce writes for the key. False: it deletes it.
 */
static bool value_of(enum table table, uint32_t n, uint64_t id, uint64_t nonce, uint8_t *out,
                     size_t *ret_len)
{
    uint64_t seed = mix(mix(id * TABLE_COUNT + (uint64_t)table) ^ mix(n) ^ nonce);
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

/* The key's value in the snapshot of the transaction with `id` and the nonce. False: there is none.
   Earlier transactions are final: for each id the last one counts. */
static bool expected(enum table table, uint32_t n, uint64_t id, uint64_t nonce, uint8_t *out,
                     size_t *ret_len)
{
    uint64_t age = (id + PERIOD - n % PERIOD) % PERIOD;
    if (id < 2 + age) /* the first transaction only creates the tables */
        return false;
    if (table == TABLE_ENTITIES && id - age < id - id % DROP_PERIOD)
        return false;
    if (age > 0)
        nonce = atomic_load(&shared->nonce[(id - age) % HISTORY]);
    return value_of(table, n, id - age, nonce, out, ret_len);
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

/* LMDB writes pages of a very large transaction to the file before its end (spilling). */
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
            if (value_of(used[i], n, id, store->nonce, value, &len))
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

/* The file cannot grow beyond some page, as on a full disk. */
static void fill_disk(bool full)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    struct stat st;
    if (full && stat(path, &st) == 0)
        limit.rlim_cur = 8192 + (rlim_t)draw((uint32_t)(st.st_size / 4096) + 16) * 4096;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        abort();
}

/* On a full disk any write may fail. The environment is then opened again. */
static void commit(struct raw_store *store, MDB_txn *txn)
{
    const bool full = draw(8) == 0, no_meta = !full && draw(meta_fails_one_in) == 0;
    meta_failure = no_meta ? META_WORKS + 1 + draw(META_WAYS - 1) : META_WORKS;
    fill_disk(full);
    int rc = raw_try_commit(store, txn);
    fill_disk(false);
    meta_failure = META_WORKS;
    if (rc == 0) {
        atomic_fetch_add(&shared->commits, 1);
        return;
    }
    if (!full && !no_meta)
        abort();
    atomic_fetch_add(no_meta ? &shared->metas : &shared->failures, 1);
    raw_close(store);
    raw_open(store, path, MDB_NOMETASYNC);
}

/* Replaces the store with a copy and marks the old one as closed. After a kill in between, readers
   notice the new file only because the path names another file. */
static void restore(struct raw_store *store)
{
    char copy[256], old[256], lock[300];
    snprintf(copy, sizeof copy, "%s-copy", path);
    snprintf(old, sizeof old, "%s-old", path);
    snprintf(lock, sizeof lock, "%s-lock", old);
    unlink(copy);
    unlink(old);
    unlink(lock);
    if (mdb_env_copy2(store->env, copy, 0) != 0 || link(path, old) != 0 || rename(copy, path) != 0)
        abort();
    raw_close(store);
    raw_open(store, old, MDB_NOMETASYNC);
    MDB_txn *txn = raw_begin(store);
    const struct state_record closed = {
        .transaction = mdb_txn_id(txn), .revision = mdb_txn_id(txn), .closed = true};
    const struct record_key key = key_state();
    uint8_t value[RECORD_MAX];
    raw_put(store, txn, TABLE_STATE, &key, value, state_encode(&closed, value));
    if (mdb_txn_commit(txn) != 0)
        abort();
    raw_close(store);
    raw_open(store, path, MDB_NOMETASYNC);
    atomic_fetch_add(&shared->restores, 1);
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
        if (draw(300) == 0) {
            mdb_txn_abort(txn);
            restore(&store);
            continue;
        }
        if (getentropy(&store.nonce, sizeof store.nonce) != 0)
            abort();
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
        atomic_store(&shared->nonce[mdb_txn_id(txn) % HISTORY], store.nonce);
        if (what == 2)
            nest(&store, txn, false);
        if (what == 3)
            nest(&store, txn, true);
        else
            write_one(&store, txn);
        commit(&store, txn);
    }
}

/* Runs one writer at a time and kills each at a random point. */
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
