/* SPDX-License-Identifier: ISC */
/*
 * The options of esp-token-authd. Each is --NAME VALUE on the command line, and `NAME = VALUE` in
 * the file of --settings; the command line takes precedence. Messages name options, never their
 * values, because a value may be a token in the wrong place.
 */
#ifndef ESPT_AUTHD_OPTIONS_H
#define ESPT_AUTHD_OPTIONS_H

#include "pattern.h"

#include <stdbool.h>
#include <stdio.h>

#define LISTEN_MAX 8
#define PATTERNS_MAX 32

enum log_choice { LOG_CHOICE_REFUSED, LOG_CHOICE_ALL, LOG_CHOICE_ERRORS };
enum unavailable_choice { UNAVAILABLE_503, UNAVAILABLE_403 };

struct list {
    char *items[PATTERNS_MAX];
    unsigned count;
};

struct options {
    char *settings, *config, *validator;
    char *metric_from; /* "query", "path" or the name of a header; NULL: X-Forwarded-Uri */
    struct list listen, metric_pattern;
    struct pattern patterns[PATTERNS_MAX]; /* the parsed items of metric_pattern */
    unsigned unavailable, log;             /* enums above */
    unsigned workers, connections, idle, drain, socket_mode;
    unsigned allow_remote, check, help, version; /* flags */
};

/* Reads the command line, and then the file that it names. Returns 1; or 0 with one line in `err`.
   The caller calls options_clear() in both cases. */
int options_read(struct options *ret, int argc, char **argv, char *err, size_t err_len);
void options_clear(struct options *options);

/* Whether `other` differs in an option that takes effect only at start. */
bool options_need_restart(const struct options *options, const struct options *other);

void options_help(FILE *out);

#endif
