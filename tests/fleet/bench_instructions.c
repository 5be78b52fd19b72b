/* SPDX-License-Identifier: ISC */
/* Instructions of a validation, counted by valgrind, at an edge with max_age and without. */
#include "fleet/bench_fleet.h"

#define FEW 20000UL
#define MANY 60000UL

int bench_fleet_validate(const char *config, const char *text, unsigned long count)
{
    const struct member member = {.config = config};
    struct plugin host;
    bench_host_open(&host, &member);
    for (unsigned long i = 0; i < count; i++) {
        if (!bench_host_allows(&host, text))
            return 1;
    }
    plugin_close(&host);
    return 0;
}

static double instructions(const char *program, const char *config, const char *text,
                           unsigned long count)
{
    char number[32], token[TOKEN_TEXT_LEN + 1];
    snprintf(number, sizeof number, "%lu", count);
    snprintf(token, sizeof token, "%.*s", TOKEN_TEXT_LEN, text);
    const char *argv[] = {"valgrind",       "--tool=cachegrind",
                          "--cache-sim=no", "--cachegrind-out-file=/dev/null",
                          program,          "validate",
                          config,           token,
                          number,           NULL};
    const struct run run = run_process(argv, NULL);
    const char *at = strstr(run.err, "refs:");
    if (run.status != 0 || at == NULL)
        die("valgrind ends with %d: %s", run.status, run.err);
    double sum = 0;
    for (at += sizeof "refs:" - 1; *at != '\n' && *at != '\0'; at++) {
        if (*at >= '0' && *at <= '9')
            sum = 10 * sum + (*at - '0');
    }
    return sum;
}

static double of_one(const char *program, const char *config, const char *text)
{
    return (instructions(program, config, text, MANY) - instructions(program, config, text, FEW)) /
           (double)(MANY - FEW);
}

void bench_fleet_instructions(struct bench_fleet *bench, const char *program)
{
    char with[8192];
    const struct member *edge = &bench->fleet.site[BENCH_EDGE];
    progress("instructions of a validation");
    const char *without = keep_string(strdup(file_read(edge->config, NULL)));
    const double bare = of_one(program, edge->config, bench->text);
    snprintf(with, sizeof with, "%smax_age = 1h\n", without);
    file_text(edge->config, with);
    fleet_is_whole(edge); /* so it is fresh */
    const double aged = of_one(program, edge->config, bench->text);
    file_text(edge->config, without);
    report_figure("instructions", "instructions of a validation", bare, BOUND_NONE, 0);
    report_figure("max_age", "instructions of a validation with max_age / without", aged / bare,
                  AT_MOST, 1.01);
}
