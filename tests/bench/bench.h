/* SPDX-License-Identifier: ISC */
/*
 * How fast is a validation, and compared with what? Every figure is a ratio of medians of
 * interleaved rounds in one process, because absolute times on shared machines mean little.
 *
 * MUST 1: every answer is checked; a wrong answer ends the run.
 *
 * MUST 2: the plugin is the real esp_validator.so, loaded by dlopen.
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
#include <sys/types.h>

#define HOT_TOKENS 1000
#define ROUNDS_MAX 64
#define AUTH_DIGEST_AT 20 /* offset of the SHA-256 in a record of the table `auth` */

/* --- time (measure.c) --- */

/* Nanoseconds: of the monotonic clock, and of this thread's processor time. Work that waits for no
   other process is measured in processor time, so that other load on the machine counts little. */
int64_t clock_ns(void);
int64_t thread_ns(void);
/* One figure that is measured in rounds, interleaved with others. */
struct series {
    double (*run)(void *arg); /* runs one round and returns its figure */
    void *arg;
    double sample[ROUNDS_MAX];
    size_t count;
};
void interleave(struct series *const *series, size_t count, unsigned rounds);
double median(const struct series *series);
/* Starts a child that ends with this process, however this process ends. A parent that reads its
   child's answer from a pipe must close its own copy of the writing end. Then the child's death
   ends the file. */
pid_t fork_bound(void);
/* Waits for a child, which must end with status 0; otherwise the run ends with a message about
   `who`. */
void reap(pid_t pid, const char *who);
/* Ends the run with a message about `who` if that child has ended. */
void must_live(pid_t pid, const char *who);
/* Ends the run. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the progress. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- the store and its tokens (corpus.c) --- */

struct corpus {
    char folder[64]; /* in memory if there is a tmpfs; removed by corpus_remove() */
    char path[96];   /* path of esp-token.conf */
    struct config config;
    uint8_t public[32];           /* the reveal key's public half */
    size_t count;                 /* number of tokens */
    char (*text)[TOKEN_TEXT_LEN]; /* the texts of all tokens, shuffled */
    size_t next;                  /* next uniform look-up: no text repeats until all were used */
    char entity[ENTITY_NAME_MAX + 1]; /* an entity with several tokens */
    char own[TOKEN_TEXT_LEN];         /* one of its tokens */
    char edited[TOKEN_ID_LEN + 1];    /* a token for a writer to edit, not among the texts */
};
void corpus_make(struct corpus *ret_corpus, const char *below, size_t count);
void corpus_remove(struct corpus *corpus);

/* --- look-ups, one after another (lookup.c) --- */

/* Returns true if the answer is correct. */
typedef bool (*lookup_fn)(void *arg, const char *text, size_t len);
struct lookups {
    struct corpus *corpus;
    const char (*hot)[TOKEN_TEXT_LEN]; /* HOT_TOKENS texts; NULL: uniform over all */
    size_t text_len;                   /* 0: TOKEN_TEXT_LEN */
    size_t count;                      /* look-ups in a round */
    lookup_fn fn;
    void *arg;
    bool waits; /* for a back end in another process */
};
double lookups_run(void *lookups); /* for struct series: nanoseconds for one look-up */
/* HOT_TOKENS texts of the corpus; and the same texts made malformed. */
enum malformed { MALFORMED_LENGTH, MALFORMED_PREFIX, MALFORMED_ALPHABET, MALFORMED_CHECKSUM };
#define MALFORMED_KINDS 4
const char (*hot_texts(struct corpus *corpus))[TOKEN_TEXT_LEN];
const char (*malformed_texts(struct corpus *corpus, enum malformed kind))[TOKEN_TEXT_LEN];

/* --- back ends (floor.c, plugin.c, sqlite.c, redis.c, pam.c) --- */

struct floor;
struct floor *floor_open(const struct corpus *corpus);
bool floor_validate(void *floor, const char *text, size_t len);
void floor_close(struct floor *floor);

struct plugin {
    const espt_validator *table;
    espt_ctx *ctx;
    espt_result allowed; /* of an allowed token */
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

/* A whole login by PAM, from pam_start_confdir to pam_end, with the entity's own token: by our
   module, or by pam_permit, which does not look at the text. */
struct pam_rival;
struct pam_rival *pam_make(const struct corpus *corpus, bool permit);
bool pam_validate(void *rival, const char *text, size_t len);
void pam_forget(struct pam_rival *rival);

/* --- a writer beside the look-ups (writer.c) --- */

struct writer;
struct writer *writer_make(struct corpus *corpus);
void writer_free(struct writer *writer);
/* Returns after the writer's first commit. */
void writer_start(struct writer *writer, unsigned pause_us);
void writer_stop(struct writer *writer);

struct beside {
    struct writer *writer;
    struct lookups *lookups;
};
double beside_writer(void *beside); /* for struct series: lookups_run() beside the writer */

/* --- the other figures; each function adds its rows to the report --- */

void bench_lookups(struct corpus *corpus, unsigned rounds);
void bench_parallel(struct corpus *corpus, unsigned rounds);
void bench_footprint(struct corpus *corpus);
void bench_strangers(struct corpus *corpus, unsigned rounds);
void bench_commands(struct corpus *corpus, const char *below, const char *disk, unsigned rounds);
/* The commands whose time could grow with the store. */
void bench_whole(struct corpus *corpus, const char *below, unsigned rounds);
void bench_scale(const char *below, size_t largest, unsigned rounds);

/* --- the report (report.c) --- */

enum bound { BOUND_NONE, AT_MOST, AT_LEAST };
/* `key` is the name of the figure in JSON, `about` is its text for people. */
void report_figure(const char *key, const char *about, double value, enum bound bound,
                   double target);
/* A time from which figures are computed; the chart shows it. */
void report_time(const char *key, const char *about, double nanoseconds);
/* The cost of back end `who` in a store of `tokens` tokens; the chart shows it as lines. */
void report_cost(const char *who, size_t tokens, double nanoseconds);
/* Prints the table, and writes FOLDER/bench.json and FOLDER/bench.svg. */
void report_end(const char *folder, size_t tokens, unsigned rounds);

#endif
