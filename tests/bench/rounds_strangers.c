/* SPDX-License-Identifier: ISC */
/*
 * The most expensive texts that a stranger can send; and a quiet host beside a writer, with a short
 * and a long free list. It runs last, because it changes the rows of the store.
 */
#include "bench/bench.h"
#include "common/record.h"
#include "store/mint.h"

#include <lmdb.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT 20000 /* look-ups in a round */
#define FOREIGN_TOKENS 100000
#define FOREIGN_LEN 40 /* bytes of a text */
#define REMOVED_BYTES 300
#define QUIET_LOOKUPS 61
#define QUIET_US 35000 /* a pause in which the writer commits three times */
#define WRITER_US 10000

/* --- texts that are in no store --- */

struct strangers {
    char (*texts)[TOKEN_TEXT_LEN];
    size_t len, next, count;
    struct plugin *plugin;
};

static void own_form(struct strangers *strangers, const struct corpus *corpus)
{
    uint64_t low = UINT64_MAX, high = 0, id;
    for (size_t i = 0; i < corpus->count; i++) {
        if (!token_parse(corpus->text[i], TOKEN_TEXT_LEN, &id))
            die("a text that is none");
        low = id < low ? id : low;
        high = id > high ? id : high;
    }
    for (size_t i = 0; i < strangers->count; i++) {
        char text[TOKEN_TEXT_LEN + 1];
        randombytes_buf(&id, sizeof id);
        mint_text(low + id % (high - low), text);
        memcpy(strangers->texts[i], text, TOKEN_TEXT_LEN);
    }
    strangers->len = TOKEN_TEXT_LEN;
}

static void foreign_form(struct strangers *strangers)
{
    for (size_t i = 0; i < strangers->count; i++) {
        for (size_t k = 0; k < FOREIGN_LEN; k++)
            strangers->texts[i][k] = (char)('a' + randombytes_uniform(26));
        if (!token_foreign_form(strangers->texts[i], FOREIGN_LEN))
            die("not of a foreign form");
    }
    strangers->len = FOREIGN_LEN;
}

static double strangers_run(void *arg)
{
    struct strangers *strangers = arg;
    struct plugin *plugin = strangers->plugin;
    espt_result result = {.size = sizeof result};
    const int64_t begin = thread_ns();
    for (size_t i = 0; i < COUNT; i++) {
        const espt_query query = {.size = sizeof query,
                                  .token = strangers->texts[strangers->next],
                                  .token_len = strangers->len};
        plugin->table->validate(plugin->ctx, &query, &result);
        if (result.status != ESPT_DENY_UNKNOWN)
            die("a stranger's text is %s", plugin->table->reason(result.status));
        strangers->next = strangers->next + 1 == strangers->count ? 0 : strangers->next + 1;
    }
    return (double)(thread_ns() - begin) / COUNT;
}

struct strangers_beside {
    struct writer *writer;
    struct strangers *strangers;
};

static double strangers_beside_writer(void *arg)
{
    struct strangers_beside *beside = arg;
    writer_start(beside->writer, 0);
    const double ns = strangers_run(beside->strangers);
    writer_stop(beside->writer);
    return ns;
}

/* --- rows, written faster than commands could --- */

static void need(int rc)
{
    if (rc != 0)
        die("liblmdb: %s", mdb_strerror(rc));
}

struct rows {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi, state;
};

static void rows_begin(struct rows *rows, const struct corpus *corpus, enum table table)
{
    need(mdb_env_create(&rows->env));
    need(mdb_env_set_maxdbs(rows->env, TABLE_COUNT));
    need(mdb_env_set_mapsize(rows->env, corpus->config.map_size));
    need(mdb_env_open(rows->env, corpus->config.store, MDB_NOSUBDIR | MDB_NOSYNC, 0));
    need(mdb_txn_begin(rows->env, NULL, 0, &rows->txn));
    need(mdb_dbi_open(rows->txn, NULL, 0, &rows->state));
    need(mdb_dbi_open(rows->txn, table_name(table), 0, &rows->dbi));
}

static void rows_end(struct rows *rows, bool foreign)
{
    const struct record_key key = key_state();
    MDB_val k = {key.len, (void *)(uintptr_t)key.bytes}, v;
    struct state_record state;
    uint8_t value[RECORD_MAX];
    need(mdb_get(rows->txn, rows->state, &k, &v));
    if (state_decode(v.mv_data, v.mv_size, &state) != STATE_GOOD)
        die("the state is damaged");
    state.transaction = mdb_txn_id(rows->txn);
    state.revision++;
    state.foreign = state.foreign || foreign;
    randombytes_buf(&state.nonce, sizeof state.nonce);
    v = (MDB_val){state_encode(&state, value), value};
    need(mdb_put(rows->txn, rows->state, &k, &v, 0));
    need(mdb_txn_commit(rows->txn));
    mdb_env_close(rows->env);
}

static void add_foreign(const struct corpus *corpus, size_t count)
{
    struct rows rows;
    rows_begin(&rows, corpus, TABLE_FOREIGN);
    for (size_t i = 0; i < count; i++) {
        uint8_t digest[TOKEN_DIGEST_LEN], value[RECORD_MAX];
        randombytes_buf(digest, sizeof digest);
        const struct record_key key = key_digest(digest);
        MDB_val k = {key.len, (void *)(uintptr_t)key.bytes};
        MDB_val v = {id_encode(TABLE_FOREIGN, &key, 1, value), value};
        need(mdb_put(rows.txn, rows.dbi, &k, &v, 0));
    }
    rows_end(&rows, true);
}

/* Adds as many records as the store has tokens, after all others in key order, and removes them in
   one transaction. Their pages make a long free list. */
static void make_long_list(const struct corpus *corpus)
{
    const uint64_t behind = UINT64_C(1) << 63;
    uint8_t value[REMOVED_BYTES] = {0};
    for (int round = 0; round < 2; round++) {
        struct rows rows;
        rows_begin(&rows, corpus, TABLE_TOKENS);
        for (uint64_t i = 0; i < corpus->count; i++) {
            uint64_t id = behind + i;
            MDB_val k = {sizeof id, &id}, v = {sizeof value, value};
            need(round == 0 ? mdb_put(rows.txn, rows.dbi, &k, &v, MDB_APPEND)
                            : mdb_del(rows.txn, rows.dbi, &k, NULL));
        }
        rows_end(&rows, false);
    }
}

/* --- a quiet host --- */

struct quiet {
    struct corpus *corpus;
    struct plugin *plugin;
    struct writer *writer;
};

/* One validation at a time with pauses, each in another state; returns the median. */
static double quiet_run(const struct quiet *quiet)
{
    struct lookups asked = {
        .corpus = quiet->corpus, .count = 1, .fn = plugin_validate, .arg = quiet->plugin};
    struct series series = {.run = lookups_run, .arg = &asked};
    writer_start(quiet->writer, WRITER_US);
    for (unsigned i = 0; i < QUIET_LOOKUPS; i++) {
        usleep(QUIET_US);
        series.sample[series.count++] = series.run(series.arg);
    }
    writer_stop(quiet->writer);
    return median(&series);
}

void bench_strangers(struct corpus *corpus, unsigned rounds)
{
    struct plugin plugin;
    struct writer *writer = writer_make(corpus);
    struct strangers own = {.count = 10 * COUNT, .plugin = &plugin}, foreign = own;
    plugin_open(&plugin, corpus);
    const struct quiet quiet = {corpus, &plugin, writer};
    const double with_short_list = quiet_run(&quiet);

    own.texts = calloc(own.count, sizeof *own.texts);
    foreign.texts = calloc(foreign.count, sizeof *foreign.texts);
    if (own.texts == NULL || foreign.texts == NULL)
        die("out of memory");
    own_form(&own, corpus);
    foreign_form(&foreign);
    add_foreign(corpus, corpus->count < FOREIGN_TOKENS ? corpus->count : FOREIGN_TOKENS);
    struct lookups asked = {
        .corpus = corpus, .count = COUNT, .fn = plugin_validate, .arg = &plugin};
    struct strangers_beside own_beside = {writer, &own}, foreign_beside = {writer, &foreign};
    struct series uniform = {.run = lookups_run, .arg = &asked};
    struct series kinds[] = {{.run = strangers_run, .arg = &own},
                             {.run = strangers_run, .arg = &foreign},
                             {.run = strangers_beside_writer, .arg = &own_beside},
                             {.run = strangers_beside_writer, .arg = &foreign_beside}};
    static const char *const names[] = {"own", "foreign", "own_writer", "foreign_writer"};
    static const char *const about[] = {
        "a random id between the store's", "a foreign form, beside foreign tokens",
        "a random id, beside a writer", "a foreign form, beside a writer"};
    interleave((struct series *[]){&uniform, &kinds[0], &kinds[1], &kinds[2], &kinds[3]}, 5,
               rounds);
    double worst = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char key[32], words[96];
        snprintf(key, sizeof key, "stranger_%s", names[i]);
        snprintf(words, sizeof words, "unknown: %s", about[i]);
        report_time(key, words, median(&kinds[i]));
        worst = median(&kinds[i]) > worst ? median(&kinds[i]) : worst;
    }
    report_figure("costliest", "costliest text a stranger can send / validate uniform",
                  worst / median(&uniform), AT_MOST, 4);

    make_long_list(corpus);
    const double with_long_list = quiet_run(&quiet);
    report_time("quiet_short_list", "a quiet host, beside a short free list", with_short_list);
    report_time("quiet_long_list", "a quiet host, beside a long free list", with_long_list);
    report_figure("free_list", "quiet host beside a writer, long free list / short",
                  with_long_list / with_short_list, AT_MOST, 1.5);
    free(own.texts);
    free(foreign.texts);
    plugin_close(&plugin);
    writer_free(writer);
}
