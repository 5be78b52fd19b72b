/* SPDX-License-Identifier: ISC */
/* Figures in Prometheus' text format, by its naming conventions: on standard output, or in a file
   for the textfile collector of node_exporter. */
#ifndef ESPT_CLI_PROMETHEUS_H
#define ESPT_CLI_PROMETHEUS_H

#include "cli/cli.h"

#include <stdio.h>

/* Whether --prometheus, --json and --output fit together. */
ESPT_MUST_USE int prometheus_options(const struct cli *cli, struct espt_error *err);
/* The head of a gauge; its values follow. */
void prometheus_metric(FILE *out, const char *name, const char *help);
typedef void (*prometheus_fn)(FILE *out, const void *arg);
/* Calls `fn`, and writes what it writes, at most 1 MiB, whole or not at all. */
ESPT_MUST_USE int prometheus_give(const struct cli *cli, prometheus_fn fn, const void *arg,
                                  struct espt_error *err);

#endif
