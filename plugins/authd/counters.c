/* SPDX-License-Identifier: ISC */
#include "counters.h"

#include <stdatomic.h>
#include <stdio.h>

static const int32_t reasons[] = {
    ESPT_ALLOW,           ESPT_DENY_MALFORMED, ESPT_DENY_UNKNOWN, ESPT_DENY_INACTIVE,
    ESPT_DENY_EXPIRED,    ESPT_DENY_SUSPENDED, ESPT_DENY_TIER,    ESPT_DENY_ENTITY,
    ESPT_DENY_METRIC,     REASON_NONE,         REASON_QUESTION,   REASON_REQUEST,
    ESPT_ERR_UNAVAILABLE, ESPT_ERR_CORRUPT,    ESPT_ERR_USAGE,
};
#define REASONS (sizeof reasons / sizeof *reasons)

static _Atomic unsigned long verdicts[REASONS];
static _Atomic long counts[COUNTERS];

static const struct {
    const char *name, *type, *help;
} described[COUNTERS] = {
    [COUNT_CONNECTIONS] = {"connections", "gauge", "Open connections."},
    [COUNT_REFUSED] = {"connections_refused_total", "counter",
                       "Connections closed at once, because of the limit."},
    [COUNT_CUT] = {"connections_cut_total", "counter",
                   "Connections closed because no whole request arrived in time."},
    [COUNT_RELOADS] = {"reloads_total", "counter", "Successful reloads."},
    [COUNT_FAILED] = {"reload_failures_total", "counter", "Reloads that changed nothing."},
};

void counters_verdict(int32_t reason)
{
    for (size_t i = 0; i < REASONS; i++) {
        if (reasons[i] == reason)
            atomic_fetch_add_explicit(&verdicts[i], 1, memory_order_relaxed);
    }
}

void counters_add(enum counter counter, long by)
{
    atomic_fetch_add_explicit(&counts[counter], by, memory_order_relaxed);
}

long counters_get(enum counter counter)
{
    return atomic_load_explicit(&counts[counter], memory_order_relaxed);
}

const char *counters_word(const espt_validator *v, int32_t reason)
{
    return reason == REASON_NONE       ? "none"
           : reason == REASON_QUESTION ? "question"
           : reason == REASON_REQUEST  ? "request"
                                       : v->reason(reason);
}

char *counters_print(const espt_validator *v, size_t *ret_len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_len);
    if (out == NULL)
        return NULL;
    fputs("# HELP esp_token_authd_verdicts_total Answers by reason.\n"
          "# TYPE esp_token_authd_verdicts_total counter\n",
          out);
    for (size_t i = 0; i < REASONS; i++)
        fprintf(out, "esp_token_authd_verdicts_total{reason=\"%s\"} %lu\n",
                counters_word(v, reasons[i]), verdicts[i]);
    for (size_t i = 0; i < COUNTERS; i++)
        fprintf(out,
                "# HELP esp_token_authd_%s %s\n# TYPE esp_token_authd_%s %s\n"
                "esp_token_authd_%s %ld\n",
                described[i].name, described[i].help, described[i].name, described[i].type,
                described[i].name, counts[i]);
    return fclose(out) == 0 ? text : NULL;
}
