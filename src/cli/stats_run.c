/* stats: the figures for a person, for scripts, and for Prometheus. */
#include "cli/stats.h"

#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const kinds[] = {"reseller", "customer"};

/* --- JSON --- */

static json_t *json_of_statuses(const uint64_t tokens[static STATS_STATUSES])
{
    json_t *json = json_object();
    for (size_t s = 0; s < STATS_STATUSES; s++)
        json_object_set_new(json, stats_status_words[s], json_integer((json_int_t)tokens[s]));
    return json;
}

static json_t *json_of_buckets(const struct stats_bucket *buckets, size_t count, const char *key)
{
    json_t *json = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(json, json_pack("{s:s, s:I}", key, buckets[i].label, "tokens",
                                              (json_int_t)buckets[i].tokens));
    return json;
}

static json_t *json_of_stats(const struct stats *stats)
{
    json_t *entities = json_object(), *tiers = json_array();
    for (size_t k = 0; k < 2; k++)
        json_object_set_new(entities, kinds[k],
                            json_pack("{s:I, s:I}", "active", (json_int_t)stats->entities[k][1],
                                      "inactive", (json_int_t)stats->entities[k][0]));
    for (size_t i = 0; i < stats->tier_count; i++) {
        json_t *tier = json_of_statuses(stats->tiers[i].tokens);
        json_t *named = json_pack("{s:s, s:b, s:o}", "name", stats->tiers[i].name, "tier_known",
                                  stats->tiers[i].rank != 0, "tokens", tier);
        json_array_append_new(tiers, named);
    }
    return json_pack("{s:I, s:o, s:I, s:o, s:o, s:{s:o, s:I, s:I}, s:{s:o, s:I, s:I}, s:I}",
                     "revision", (json_int_t)stats->revision, "entities", entities, "over_limit",
                     (json_int_t)stats->over_limit, "tokens", json_of_statuses(stats->tokens),
                     "tiers", tiers, "expiring", "months",
                     json_of_buckets(stats->expiring, STATS_MONTHS, "month"), "later",
                     (json_int_t)stats->expiring_later, "never", (json_int_t)stats->expiring_never,
                     "last_used", "days", json_of_buckets(stats->used, STATS_DAYS, "day"), "before",
                     (json_int_t)stats->used_before, "never", (json_int_t)stats->used_never, "uses",
                     (json_int_t)stats->uses);
}

/* --- Prometheus: the text format, by its conventions for names --- */

#define METRICS_MAX 65536UL /* bytes; 64 tiers with each status take a third */

static void metric(FILE *out, const char *name, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void write_spans(FILE *out, const char *name, const char *help, const uint64_t counts[3])
{
    metric(out, name, help);
    for (size_t i = 0; i < 3; i++)
        fprintf(out, "%s{days=\"%d\"} %llu\n", name, stats_spans[i], (unsigned long long)counts[i]);
}

/* Names of tiers are a-z, 0-9, - and _: no label value needs escapes. */
static void write_prometheus(FILE *out, const struct stats *stats)
{
    metric(out, "esp_token_tokens", "Tokens by the tier of their entity and by status.");
    for (size_t i = 0; i < stats->tier_count; i++) {
        for (size_t s = 0; s < STATS_STATUSES; s++)
            fprintf(out, "esp_token_tokens{tier=\"%s\",status=\"%s\"} %llu\n", stats->tiers[i].name,
                    stats_status_words[s], (unsigned long long)stats->tiers[i].tokens[s]);
    }
    metric(out, "esp_token_entities", "Resellers and customers by status.");
    for (size_t k = 0; k < 2; k++) {
        for (size_t a = 0; a < 2; a++)
            fprintf(out, "esp_token_entities{kind=\"%s\",status=\"%s\"} %llu\n", kinds[k],
                    status_word(a == 1), (unsigned long long)stats->entities[k][a]);
    }
    metric(out, "esp_token_entities_over_limit",
           "Entities with more tokens than their tier allows.");
    fprintf(out, "esp_token_entities_over_limit %llu\n", (unsigned long long)stats->over_limit);
    write_spans(out, "esp_token_tokens_expiring",
                "Tokens that expire within so many days and have not yet.", stats->expiring_within);
    write_spans(out, "esp_token_tokens_used", "Tokens that were used within the last days.",
                stats->used_within);
    if (stats->next_expiry != 0) {
        metric(out, "esp_token_next_expiry_timestamp_seconds", "When the next token expires.");
        fprintf(out, "esp_token_next_expiry_timestamp_seconds %lld\n",
                (long long)stats->next_expiry);
    }
    metric(out, "esp_token_store_revision", "The store's revision, which rises with every change.");
    fprintf(out, "esp_token_store_revision %llu\n", (unsigned long long)stats->revision);
    metric(out, "esp_token_build_info", "The version of esp-tokenctl that counted.");
    fputs("esp_token_build_info{version=\"" ESPT_VERSION "\"} 1\n", out);
}

/* Whole or not at all: the collector may read at any moment, and takes no file but *.prom. */
static int write_file(const char *path, const char *text, size_t len, struct espt_error *err)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) >=
        (int)sizeof temporary)
        return espt_fail(err, ESPT_USAGE, "--output: the name is too long");
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return espt_fail_file(err, path, errno, "see to its folder's owner and mode");
    const ssize_t written = write(fd, text, len);
    int why = written < 0 ? errno : written < (ssize_t)len ? ENOSPC : 0;
    if (why == 0 && fchmod(fd, 0644) != 0)
        why = errno;
    if (close(fd) != 0 && why == 0) /* some file systems tell only now that they are full */
        why = errno;
    if (why == 0 && rename(temporary, path) != 0)
        why = errno;
    if (why == 0)
        return 0;
    unlink(temporary);
    return espt_fail_file(err, path, why, "see to its folder's owner and mode");
}

static int give_prometheus(const struct cli *cli, const struct stats *stats, struct espt_error *err)
{
    if (cli->options.output == NULL) {
        write_prometheus(stdout, stats);
        return 0;
    }
    /* a stream of open_memstream() does not tell what it had no memory for */
    char *text = malloc(METRICS_MAX);
    FILE *stream = text != NULL ? fmemopen(text, METRICS_MAX, "w") : NULL;
    long len = -1;
    if (stream != NULL) {
        write_prometheus(stream, stats);
        len = fflush(stream) == 0 && !ferror(stream) ? ftell(stream) : -1;
        fclose(stream);
    }
    int code = len >= 0 ? write_file(cli->options.output, text, (size_t)len, err)
                        : espt_fail(err, ESPT_UNUSABLE, "out of memory");
    free(text);
    return code;
}

int run_stats(struct cli *cli, struct espt_error *err)
{
    struct stats stats;
    const bool prometheus = given(cli, OPTION_PROMETHEUS);
    if (prometheus && cli->json)
        return espt_fail(err, ESPT_USAGE, "both --json and --prometheus are given; keep one");
    if (!prometheus && cli->options.output != NULL)
        return espt_fail(err, ESPT_USAGE, "--output belongs to --prometheus; give that too");
    int code = cli_store(cli, err);
    if (code == 0)
        code = stats_count(cli->store, cli_tiers_if_whole(cli), cli->now, &stats, err);
    if (code != 0)
        return code;
    if (prometheus)
        code = give_prometheus(cli, &stats, err);
    else if (cli->json)
        code = json_print(json_of_stats(&stats), err);
    else
        stats_draw(&stats);
    stats_clear(&stats);
    return code;
}
