/* SPDX-License-Identifier: ISC */
/* The report: a table for people, bench.json and bench.svg. */
#include "bench/bench.h"

#include <jansson.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS_MAX 64

static struct figure {
    char key[32];
    char about[96];
    double value, target;
    enum bound bound;
} figures[ROWS_MAX];

static struct cost {
    char key[32]; /* for a cost at a size: the back end */
    char about[96];
    size_t tokens; /* 0: a time of this store */
    double nanoseconds;
} costs[ROWS_MAX];

static size_t figure_count, cost_count;

void report_figure(const char *key, const char *about, double value, enum bound bound,
                   double target)
{
    if (figure_count == ROWS_MAX)
        die("too many figures");
    struct figure *row = &figures[figure_count++];
    *row = (struct figure){.value = value, .bound = bound, .target = target};
    snprintf(row->key, sizeof row->key, "%s", key);
    snprintf(row->about, sizeof row->about, "%s", about);
}

static void add_cost(const char *key, const char *about, size_t tokens, double nanoseconds)
{
    if (cost_count == ROWS_MAX)
        die("too many times");
    struct cost *row = &costs[cost_count++];
    *row = (struct cost){.tokens = tokens, .nanoseconds = nanoseconds};
    snprintf(row->key, sizeof row->key, "%s", key);
    snprintf(row->about, sizeof row->about, "%s", about);
}

void report_time(const char *key, const char *about, double nanoseconds)
{
    add_cost(key, about, 0, nanoseconds);
}

void report_cost(const char *who, size_t tokens, double nanoseconds)
{
    add_cost(who, who, tokens, nanoseconds);
}

static const char *verdict(const struct figure *row)
{
    if (row->bound == BOUND_NONE)
        return "reported";
    bool met = row->bound == AT_MOST ? row->value <= row->target : row->value >= row->target;
    return met ? "met" : "MISSED";
}

static void print_table(void)
{
    printf("\n%-62s %9s %9s  %s\n", "figure", "measured", "target", "");
    for (size_t i = 0; i < figure_count; i++) {
        const struct figure *row = &figures[i];
        char target[32] = "";
        if (row->bound != BOUND_NONE)
            snprintf(target, sizeof target, "%s %.4g",
                     row->bound == AT_MOST ? "<=" : ">=", row->target);
        printf("%-62s %9.3f %9s  %s\n", row->about, row->value, target, verdict(row));
    }
    printf("\n%-62s %12s\n", "behind them", "nanoseconds");
    for (size_t i = 0; i < cost_count; i++) {
        if (costs[i].tokens == 0)
            printf("%-62s %12.1f\n", costs[i].about, costs[i].nanoseconds);
        else
            printf("%-47s%9zu tokens%11.1f\n", costs[i].about, costs[i].tokens,
                   costs[i].nanoseconds);
    }
}

/* "AMD EPYC", or the machine's own name for its processor. */
static const char *processor(void)
{
    static char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    const char *found = "unknown";
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        found = colon + 2;
        break;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static void write_json(const char *path, size_t tokens, unsigned rounds)
{
    json_t *rows = json_array(), *times = json_array();
    for (size_t i = 0; i < figure_count; i++) {
        const struct figure *row = &figures[i];
        json_t *json = json_pack("{s:s, s:s, s:f, s:s}", "figure", row->key, "about", row->about,
                                 "measured", row->value, "verdict", verdict(row));
        if (row->bound != BOUND_NONE)
            json_object_set_new(json, row->bound == AT_MOST ? "at_most" : "at_least",
                                json_real(row->target));
        json_array_append_new(rows, json);
    }
    for (size_t i = 0; i < cost_count; i++) {
        size_t at = costs[i].tokens != 0 ? costs[i].tokens : tokens;
        json_array_append_new(times,
                              json_pack("{s:s, s:I, s:f}", "what", costs[i].key, "tokens",
                                        (json_int_t)at, "nanoseconds", costs[i].nanoseconds));
    }
    json_t *all = json_pack("{s:{s:s, s:i, s:s}, s:I, s:i, s:o, s:o}", "machine", "processor",
                            processor(), "cores", (int)sysconf(_SC_NPROCESSORS_ONLN), "lmdb",
                            mdb_version(NULL, NULL, NULL), "tokens", (json_int_t)tokens, "rounds",
                            (int)rounds, "figures", rows, "times", times);
    if (all == NULL || json_dump_file(all, path, JSON_INDENT(2) | JSON_REAL_PRECISION(5)) != 0)
        die("%s: cannot be written", path);
    json_decref(all);
}

/* Data for the gnuplot scripts: bars for one store, or lines over sizes, whichever was measured.
   False: nothing was measured that is drawn. */
static bool write_chart(const char *folder)
{
    char path[256], command[1024];
    snprintf(path, sizeof path, "%s/bench.dat", folder);
    FILE *file = fopen(path, "we");
    if (file == NULL)
        die("%s: cannot be written", path);
    bool bars = false, lines = false;
    for (size_t i = 0; i < cost_count; i++) {
        if (costs[i].tokens != 0) {
            lines = true;
            fprintf(file, "\"%s\" %zu %.1f\n", costs[i].about, costs[i].tokens,
                    costs[i].nanoseconds);
        } else if (strstr(costs[i].key, "uniform") != NULL || strstr(costs[i].key, "hot") != NULL) {
            fprintf(file, "\"%s\" %.1f\n", costs[i].about, costs[i].nanoseconds);
            bars = true;
        }
    }
    fclose(file);
    if (!lines && !bars)
        return false;
    snprintf(command, sizeof command,
             "gnuplot -e \"data='%s'; out='%s/bench.svg'; title='%s, %ld cores'\" %s/%s", path,
             folder, processor(), sysconf(_SC_NPROCESSORS_ONLN), BENCH_SOURCE,
             lines ? "scale.gp" : "bars.gp");
    if (system(command) != 0)
        die("gnuplot failed: %s", command);
    return true;
}

void report_end(const char *folder, size_t tokens, unsigned rounds)
{
    char path[256];
    print_table();
    snprintf(path, sizeof path, "%s/bench.json", folder);
    write_json(path, tokens, rounds);
    printf("\nthe same as %s/bench.json", folder);
    if (write_chart(folder))
        printf(", and drawn as %s/bench.svg", folder);
    putchar('\n');
}
