/* SPDX-License-Identifier: ISC */
/* The time of one durable creation on a disk, and of a whole esp-tokenctl process in stores of two
   sizes. */
#include "bench/bench.h"
#include "common/tier.h"
#include "store/db/db.h"
#include "store/reveal.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL_STORE 10
#define CREATIONS 20 /* in a round */
#define BULK 2000    /* in a round */
#define COMMANDS 5   /* in a round */
#define WHOLE_ROUNDS 7

/* --- creation --- */

struct creation {
    struct corpus corpus; /* a small store on a disk */
    struct store *store;
    struct tier_table *tiers;
    unsigned made;
    MDB_env *env; /* a bare LMDB file beside it, with tables of the same kind */
    MDB_dbi table[5];
    uint64_t bare;
    uint8_t public_key[crypto_box_PUBLICKEYBYTES];
};

static double create_durably(void *arg)
{
    struct creation *c = arg;
    int64_t begin = clock_ns();
    for (int i = 0; i < CREATIONS; i++) {
        struct espt_error err;
        struct token token;
        char name[32], text[TOKEN_TEXT_LEN + 1];
        snprintf(name, sizeof name, "made-%u", c->made++);
        const struct token_new wanted = {.entity = c->corpus.entity, .name = name};
        if (store_token_create(c->store, c->tiers, &wanted, &token, text, &err) != 0)
            die("%s", err.message);
    }
    return (double)(clock_ns() - begin) / CREATIONS;
}

static void need(int rc)
{
    if (rc != 0)
        die("liblmdb: %s", mdb_strerror(rc));
}

/* The value sizes of one creation: auth, tokens, by_entity, entities, state. */
static const struct {
    size_t key, value;
    bool rises;
} written[5] = {{8, 72, true}, {8, 130, true}, {13, 13, true}, {8, 50, false}, {5, 27, false}};

static double create_bare(void *arg)
{
    struct creation *c = arg;
    int64_t begin = clock_ns();
    for (int i = 0; i < CREATIONS; i++) {
        uint8_t text[TOKEN_TEXT_LEN] = {0}, value[256] = {0}, key[16] = {0};
        MDB_txn *txn;
        c->bare++;
        crypto_box_seal(value, text, sizeof text, c->public_key);
        need(mdb_txn_begin(c->env, NULL, 0, &txn));
        for (size_t t = 0; t < 5; t++) {
            uint64_t number = written[t].rises ? c->bare : 1;
            memcpy(key, &number, written[t].key < 8 ? written[t].key : 8);
            MDB_val k = {written[t].key, key}, v = {written[t].value, value};
            need(mdb_put(txn, c->table[t], &k, &v, 0));
        }
        need(mdb_txn_commit(txn));
    }
    return (double)(clock_ns() - begin) / CREATIONS;
}

static void open_bare(struct creation *c)
{
    char path[128];
    MDB_txn *txn;
    snprintf(path, sizeof path, "%s/bare.mdb", c->corpus.folder);
    randombytes_buf(c->public_key, sizeof c->public_key);
    need(mdb_env_create(&c->env));
    need(mdb_env_set_maxdbs(c->env, 8));
    need(mdb_env_set_mapsize(c->env, c->corpus.config.map_size));
    need(mdb_env_open(c->env, path, MDB_NOSUBDIR | MDB_NOTLS, 0600));
    need(mdb_txn_begin(c->env, NULL, 0, &txn));
    for (unsigned t = 0; t < 5; t++) {
        char name[2] = {(char)('a' + t), '\0'};
        unsigned flags = written[t].key == 8 ? MDB_INTEGERKEY : 0;
        need(mdb_dbi_open(txn, name, MDB_CREATE | flags, &c->table[t]));
    }
    need(mdb_txn_commit(txn));
}

static void lift_limit(const struct corpus *corpus)
{
    char path[128];
    const char text[] = "[advanced]\nrank = 20\nmax_tokens = unlimited\ndefault = yes\n";
    snprintf(path, sizeof path, "%s/tiers.ini", corpus->folder);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1 || close(fd) != 0)
        die("%s: cannot be written", path);
}

static void bench_creation(const char *disk, unsigned rounds)
{
    struct creation c = {0};
    struct espt_error err;
    corpus_make(&c.corpus, disk, SMALL_STORE);
    lift_limit(&c.corpus);
    open_bare(&c);
    if (store_open(&c.store, &c.corpus.config, &err) != 0 ||
        tier_table_load(&c.tiers, c.corpus.config.tiers, geteuid(), &err) != 0)
        die("%s", err.message);
    struct series ours = {.run = create_durably, .arg = &c}, bare = {.run = create_bare, .arg = &c};
    interleave((struct series *[]){&ours, &bare}, 2, rounds);
    report_time("create", "one durable creation", median(&ours));
    report_time("create_bare", "LMDB commit + seal", median(&bare));
    report_figure("create", "durable creation / LMDB commit + seal", median(&ours) / median(&bare),
                  AT_MOST, 1.3);
    tier_table_free(c.tiers);
    store_close(c.store);
    mdb_env_close(c.env);
    corpus_remove(&c.corpus);
}

/* --- esp-tokenctl --- */

static void run_ctl(const struct corpus *corpus, const char *const *command)
{
    char program[] = OUT "/esp-tokenctl";
    const char *args[8] = {program, "-c", corpus->path};
    for (size_t i = 0; command[i] != NULL && i < 4; i++)
        args[3 + i] = command[i];
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&pid, program, &actions, NULL, (char *const *)(uintptr_t)args, environment) !=
            0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
        die("%s %s failed", program, command[0]);
    posix_spawn_file_actions_destroy(&actions);
}

struct bulk {
    struct corpus corpus; /* a small store on a disk */
    unsigned round;
    uint8_t public_key[crypto_box_PUBLICKEYBYTES];
};

/* Nanoseconds per token if one command makes many. */
static double create_in_bulk(void *arg)
{
    struct bulk *bulk = arg;
    char path[128];
    snprintf(path, sizeof path, "%s/names", bulk->corpus.folder);
    FILE *file = fopen(path, "we");
    bulk->round++;
    for (int i = 0; file != NULL && i < BULK; i++)
        fprintf(file, "made-%u-%d\n", bulk->round, i);
    if (file == NULL || fclose(file) != 0)
        die("%s: cannot be written", path);
    int64_t begin = clock_ns();
    run_ctl(&bulk->corpus,
            (const char *const[]){"create", bulk->corpus.entity, "--from", path, NULL});
    return (double)(clock_ns() - begin) / BULK;
}

static double seal(void *arg)
{
    struct bulk *bulk = arg;
    uint8_t text[TOKEN_TEXT_LEN] = {0}, sealed[TOKEN_TEXT_LEN + crypto_box_SEALBYTES];
    int64_t begin = clock_ns();
    for (int i = 0; i < BULK; i++) {
        if (crypto_box_seal(sealed, text, sizeof text, bulk->public_key) != 0)
            die("crypto_box_seal failed");
    }
    return (double)(clock_ns() - begin) / BULK;
}

static void bench_bulk(const char *disk, unsigned rounds)
{
    struct bulk bulk = {0};
    uint8_t secret_key[crypto_box_SECRETKEYBYTES];
    crypto_box_keypair(bulk.public_key, secret_key);
    corpus_make(&bulk.corpus, disk, SMALL_STORE);
    lift_limit(&bulk.corpus);
    struct series made = {.run = create_in_bulk, .arg = &bulk};
    struct series sealed = {.run = seal, .arg = &bulk};
    interleave((struct series *[]){&made, &sealed}, 2, rounds);
    report_time("bulk", "one of many by create --from", median(&made));
    report_time("seal", "crypto_box_seal", median(&sealed));
    report_figure("bulk", "bulk creation / crypto_box_seal of each",
                  median(&made) / median(&sealed), AT_MOST, 1.3);
    corpus_remove(&bulk.corpus);
}

static double list_entity(void *arg)
{
    const struct corpus *corpus = arg;
    int64_t begin = clock_ns();
    for (int i = 0; i < COMMANDS; i++)
        run_ctl(corpus, (const char *const[]){"list", corpus->entity, NULL});
    return (double)(clock_ns() - begin) / COMMANDS;
}

static void bench_list(struct corpus *corpus, const char *below, unsigned rounds)
{
    struct corpus small;
    corpus_make(&small, below, SMALL_STORE);
    struct series large_list = {.run = list_entity, .arg = corpus};
    struct series small_list = {.run = list_entity, .arg = &small};
    interleave((struct series *[]){&large_list, &small_list}, 2, rounds);
    report_time("list", "esp-tokenctl list ENTITY", median(&large_list));
    report_figure("list", "list ENTITY in this store / in one of 10",
                  median(&large_list) / median(&small_list), AT_MOST, 1.2);
    corpus_remove(&small);
}

static double check_store(void *arg)
{
    int64_t begin = clock_ns();
    run_ctl(arg, (const char *const[]){"check", NULL});
    return (double)(clock_ns() - begin);
}

static void copy_out(uint8_t *out, size_t size, const MDB_val *key, const MDB_val *value)
{
    if (key->mv_size + value->mv_size > size)
        die("a record of %zu bytes", value->mv_size);
    memcpy(out, key->mv_data, key->mv_size);
    memcpy(out + key->mv_size, value->mv_data, value->mv_size);
    __asm__ volatile("" : : "r"(out) : "memory");
}

/* Reads every key and value of every table with a bare cursor and copies it: the cost of reading
   alone. */
static double read_by_cursor(void *arg)
{
    const struct corpus *corpus = arg;
    MDB_env *env;
    MDB_txn *txn;
    static uint8_t copy[1 << 24];
    int64_t begin = clock_ns();
    need(mdb_env_create(&env));
    need(mdb_env_set_maxdbs(env, TABLE_COUNT));
    need(mdb_env_set_mapsize(env, corpus->config.map_size));
    need(mdb_env_open(env, corpus->config.store, MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY, 0));
    need(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        MDB_dbi dbi;
        MDB_cursor *cursor;
        MDB_val key, value;
        int rc;
        need(mdb_dbi_open(txn, table_name(t), 0, &dbi));
        need(mdb_cursor_open(txn, dbi, &cursor));
        while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
            copy_out(copy, sizeof copy, &key, &value);
        need(rc == MDB_NOTFOUND ? 0 : rc);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return (double)(clock_ns() - begin);
}

static void bench_check(struct corpus *corpus)
{
    struct series check = {.run = check_store, .arg = corpus};
    struct series cursor = {.run = read_by_cursor, .arg = corpus};
    interleave((struct series *[]){&check, &cursor}, 2, WHOLE_ROUNDS);
    report_time("check", "esp-tokenctl check, the whole store", median(&check));
    report_time("cursor", "a bare cursor over the whole store", median(&cursor));
    report_figure("check", "check / a bare cursor over the whole store",
                  median(&check) / median(&cursor), AT_MOST, 3);
}

void bench_whole(struct corpus *corpus, const char *below, unsigned rounds)
{
    bench_list(corpus, below, rounds);
    bench_check(corpus);
}

void bench_commands(struct corpus *corpus, const char *below, const char *disk, unsigned rounds)
{
    bench_creation(disk, rounds);
    bench_bulk(disk, rounds);
    bench_whole(corpus, below, rounds);
}
