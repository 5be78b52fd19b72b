/* SPDX-License-Identifier: ISC */
/* Counts for GET /metrics. They contain no token, no name and no path. */
#ifndef ESPT_AUTHD_COUNTERS_H
#define ESPT_AUTHD_COUNTERS_H

#include "espt/validator.h"

#include <stddef.h>

/* Reasons besides the statuses of the validator. */
enum {
    REASON_NONE = 1000, /* no token was presented */
    REASON_QUESTION,    /* the request does not say which metric, or says it ambiguously */
    REASON_REQUEST      /* the request is malformed */
};

enum counter { COUNT_CONNECTIONS, COUNT_REFUSED, COUNT_CUT, COUNT_RELOADS, COUNT_FAILED, COUNTERS };

void counters_verdict(int32_t reason);
void counters_add(enum counter counter, long by);
long counters_get(enum counter counter);

/* The word of a reason; `v` knows those of its statuses. */
const char *counters_word(const espt_validator *v, int32_t reason);

/* Returns the counts in Prometheus' text form, or NULL. The caller frees it. */
char *counters_print(const espt_validator *v, size_t *ret_len);

#endif
