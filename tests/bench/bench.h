/*
 * How fast is a validation, and against what? Everything is a ratio of medians of interleaved
 * rounds in one process: absolute times on shared machines mean little.
 *
 * MUST 1: every answer is checked; a wrong one ends the run.
 * MUST 2: the plugin is the real esp_validator.so, by dlopen.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "common/config.h"
#include "common/name.h"
#include "common/token.h"
#include "espt/validator.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOT_TOKENS 1000
#define ROUNDS_MAX 64
#define AUTH_DIGEST_AT 20 /* where the SHA-256 lies in a record of the table `auth` */

/* --- time (measure.c) --- */

/* Nanoseconds: of the monotonic clock, and of this thread on a processor. Whoever waits for nobody
   is measured by the latter, so that the machine's other work counts little. */
int64_t clock_ns(void);
int64_t thread_ns(void);
/* One thing that is measured, round after round, in turn with others. */
struct series {
    double (*run)(void *arg); /* one round: a figure */
    void *arg;
    double sample[ROUNDS_MAX];
    size_t count;
};
void interleave(struct series *const *series, size_t count, unsigned rounds);
double median(const struct series *series);
/* Ends the run. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Tells a person how far it is. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- the store and its tokens (corpus.c) --- */

struct corpus {
    char folder[64]; /* in memory where there is a tmpfs; removed by corpus_remove() */
    char path[96];   /* of esp-token.conf */
    struct config config;
    size_t count;                 /* tokens */
    char (*text)[TOKEN_TEXT_LEN]; /* all of them, shuffled */
    size_t next;                  /* of the uniform look-ups: no text twice until all were asked */
    char entity[ENTITY_NAME_MAX + 1]; /* one of some tokens */
    char own[TOKEN_TEXT_LEN];         /* one of its tokens */
    char edited[TOKEN_ID_LEN + 1];    /* one that is not among the texts, for a writer to edit */
};
void corpus_make(struct corpus *ret_corpus, const char *below, size_t count);
void corpus_remove(struct corpus *corpus);

/* --- look-ups, one after another (lookup.c) --- */

/* True: the answer is the right one. */
typedef bool (*lookup_fn)(void *arg, const char *text, size_t len);
struct lookups {
    struct corpus *corpus;
    const char (*hot)[TOKEN_TEXT_LEN]; /* HOT_TOKENS texts; NULL: uniform over all */
    size_t text_len;                   /* 0: TOKEN_TEXT_LEN */
    size_t count;                      /* in a round */
    lookup_fn fn;
    void *arg;
    bool waits; /* for another process */
};
double lookups_run(void *lookups); /* for struct series: nanoseconds of one */
/* HOT_TOKENS of the corpus; and the same made malformed. */
enum malformed { MALFORMED_LENGTH, MALFORMED_PREFIX, MALFORMED_ALPHABET, MALFORMED_CHECKSUM };
#define MALFORMED_KINDS 4
const char (*hot_texts(struct corpus *corpus))[TOKEN_TEXT_LEN];
const char (*malformed_texts(struct corpus *corpus, enum malformed kind))[TOKEN_TEXT_LEN];

/* --- who answers (floor.c, plugin.c, sqlite.c, redis.c, pam.c) --- */

struct floor;
struct floor *floor_open(const struct corpus *corpus);
bool floor_validate(void *floor, const char *text, size_t len);
void floor_close(struct floor *floor);

struct plugin {
    const espt_validator *table;
    espt_ctx *ctx;
    espt_result allowed; /* of a token that was allowed */
};
void plugin_open(struct plugin *ret_plugin, const struct corpus *corpus);
bool plugin_validate(void *plugin, const char *text, size_t len);
bool plugin_refuses(void *plugin, const char *text, size_t len);
bool plugin_allows(void *plugin, const char *text, size_t len);
void plugin_close(struct plugin *plugin);

struct sqlite3_rival;
struct sqlite3_rival *sqlite_make(const struct corpus *corpus);
bool sqlite_validate(void *rival, const char *text, size_t len);
void sqlite_end(struct sqlite3_rival *rival);

struct redis_rival;
struct redis_rival *redis_start(const struct corpus *corpus);
bool redis_validate(void *rival, const char *text, size_t len);
void redis_stop(struct redis_rival *rival);

/* A login by PAM, whole: pam_start_confdir to pam_end, of the entity's own token, by our module or
   by pam_permit; the text is not looked at. */
struct pam_rival;
struct pam_rival *pam_make(const struct corpus *corpus, bool permit);
bool pam_validate(void *rival, const char *text, size_t len);
void pam_forget(struct pam_rival *rival);

/* --- the rest of the figures, each adding its rows to the report --- */

void bench_lookups(struct corpus *corpus, unsigned rounds);
void bench_parallel(struct corpus *corpus, unsigned rounds);
void bench_footprint(struct corpus *corpus);
void bench_commands(struct corpus *corpus, const char *below, const char *disk, unsigned rounds);
/* Of the commands: what the size of the store could make slow. */
void bench_whole(struct corpus *corpus, const char *below, unsigned rounds);
void bench_scale(const char *below, size_t largest, unsigned rounds);

/* --- the report (report.c) --- */

enum bound { BOUND_NONE, AT_MOST, AT_LEAST };
/* `key` is the figure's name in JSON, `about` what people read. */
void report_figure(const char *key, const char *about, double value, enum bound bound,
                   double target);
/* A time behind the figures; drawn in the chart. */
void report_time(const char *key, const char *about, double nanoseconds);
/* A cost at a size of the store, of `who`: drawn as lines. */
void report_cost(const char *who, size_t tokens, double nanoseconds);
/* Prints the table, and writes FOLDER/bench.json and FOLDER/bench.svg. */
void report_end(const char *folder, size_t tokens, unsigned rounds);

#endif
