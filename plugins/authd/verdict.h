/* SPDX-License-Identifier: ISC */
#ifndef ESPT_AUTHD_VERDICT_H
#define ESPT_AUTHD_VERDICT_H

#include "gate.h"
#include "present.h"

/* What is answered to the gateway. */
struct verdict {
    int32_t reason; /* a status of the validator, or a reason of counters.h */
    struct question question;
    espt_result result; /* all empty unless the reason is ESPT_ALLOW */
};

/* Decides about the request for `target` ("/auth…"). Returns false if there is no such path. */
bool verdict_find(const struct gate *gate, const char *target, const struct headers *headers,
                  struct verdict *ret_verdict);

/* Whether the validator can decide: it looks for a token that does not exist. */
bool verdict_healthy(const struct gate *gate);

#endif
