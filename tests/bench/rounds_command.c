/* One durable creation on a disk; and a whole process of esp-tokenctl in stores of two sizes. */
#include "bench/bench.h"
#include "common/tier.h"
#include "store/db.h"
#include "store/reveal.h"

#include <fcntl.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL_STORE 10
#define CREATIONS 20 /* in a round */
#define COMMANDS 5   /* in a round */

/* --- creation --- */

struct creation {
    struct corpus corpus; /* a small store on a disk */
    struct store *store;
    struct tier_table *tiers;
    unsigned made;
    MDB_env *env; /* a bare one beside it, with tables of the same kind */
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
        if (store_token_create(c->store, c->tiers, c->corpus.entity, name, NULL, &token, text,
                               &err) != 0)
            die("%s", err.message);
    }
    return (double)(clock_ns() - begin) / CREATIONS;
}

static void need(int rc)
{
    if (rc != 0)
        die("liblmdb: %s", mdb_strerror(rc));
}

/* The lengths of what one creation writes: auth, tokens, by_entity, entities, state. */
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
                  AT_MOST, 1.5);
    tier_table_free(c.tiers);
    store_close(c.store);
    mdb_env_close(c.env);
    corpus_remove(&c.corpus);
}

/* --- esp-tokenctl list ENTITY --- */

static double list_entity(void *arg)
{
    const struct corpus *corpus = arg;
    char program[] = OUT "/esp-tokenctl";
    char *const argv[] = {
        program, "-c", (char *)(uintptr_t)corpus->path, "list", (char *)(uintptr_t)corpus->entity,
        NULL};
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    int64_t begin = clock_ns();
    for (int i = 0; i < COMMANDS; i++) {
        pid_t pid;
        int status;
        if (posix_spawn(&pid, program, &actions, NULL, argv, environment) != 0 ||
            waitpid(pid, &status, 0) != pid || status != 0)
            die("%s list %s failed", program, corpus->entity);
    }
    int64_t end = clock_ns();
    posix_spawn_file_actions_destroy(&actions);
    return (double)(end - begin) / COMMANDS;
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

void bench_commands(struct corpus *corpus, const char *below, const char *disk, unsigned rounds)
{
    bench_creation(disk, rounds);
    bench_list(corpus, below, rounds);
}
