/* SPDX-License-Identifier: ISC */
/* Parses and formats times for people. All are Unix seconds, UTC, and never before 1970. */
#ifndef ESPT_COMMON_WHEN_H
#define ESPT_COMMON_WHEN_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEN_NEVER 0
#define WHEN_TEXT_SIZE 24

/* Parses a span such as 90m, 12h, 90d, 2w, 1y (365 days). Gives seconds, at least 1. */
bool span_parse(const char *text, int64_t *ret_seconds);
/* Parses a date (00:00 UTC) or an RFC 3339 time, up to the end of the year 9999: the forms that do
   not depend on the clock. For files; a command line takes WHEN. */
bool moment_parse(const char *text, int64_t *ret_when);

/* Parses WHEN (specification §6): never (WHEN_NEVER), a span from `now`, today or tomorrow (their
   00:00 UTC), or a moment as above. */
ESPT_MUST_USE int when_parse(const char *text, int64_t now, int64_t *ret_when,
                             struct espt_error *err);

/* Writes the time as RFC 3339 in UTC: 2026-01-02T03:04:05Z. */
void when_format(int64_t when, char out[static WHEN_TEXT_SIZE]);

#endif
