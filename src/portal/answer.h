/* SPDX-License-Identifier: ISC */
/* What a broker answers to one request: a document, or a problem (RFC 9457). */
#ifndef ESPT_PORTAL_ANSWER_H
#define ESPT_PORTAL_ANSWER_H

#include "common/error.h"
#include "portal/message.h"
#include "portal/passes.h"

#include <jansson.h>

enum problem {
    PROBLEM_NONE, /* as the error's code says */
    PROBLEM_USAGE,
    PROBLEM_SIGNED_OUT,
    PROBLEM_FORBIDDEN,
    PROBLEM_MISSING,
    PROBLEM_METHOD,
    PROBLEM_REFUSED,
    PROBLEM_CHANGED,
    PROBLEM_LARGE,
    PROBLEM_MEDIA,
    PROBLEM_WAIT,
    PROBLEM_INTERNAL,
    PROBLEM_UNUSABLE,
    PROBLEM_UNSURE,
    PROBLEMS
};

struct answer {
    unsigned status; /* of HTTP; 0: 200 */
    json_t *body;    /* NULL: none */
    char *raw;       /* instead of `body`: text from malloc() */
    char etag[24];   /* with its quotes; empty: none, and so below */
    char location[FIELD_TEXT_MAX];
    enum cookie_change cookie_change;
    char cookie[PASS_SECRET_SIZE];
    /* of a problem */
    enum problem problem;
    unsigned retry_after;  /* seconds; 0: none */
    const char *field;     /* the member or parameter that is wrong; NULL: none */
    const char *upgrade;   /* what the tier says to those who meet its limit; NULL: none */
    json_t *changed, *now; /* with PROBLEM_CHANGED; NULL: not known */
};

/* Wipes. */
void answer_clear(struct answer *answer);
/* Fills `err` and chooses the problem. Returns ESPT_REFUSED. */
int answer_refuse(struct answer *answer, enum problem problem, struct espt_error *err,
                  const char *format, ...) ESPT_PRINTF(4, 5);
/* ESPT_USAGE, about a field. */
int answer_usage(struct answer *answer, enum field field, struct espt_error *err,
                 const char *format, ...) ESPT_PRINTF(4, 5);
/* Replaces whatever the answer holds by the problem document for an error. */
void answer_problem(struct answer *answer, int code, const struct espt_error *err);

/* The document of a problem, its status and its words. For the worker too. */
unsigned problem_status(enum problem problem);
json_t *problem_document(enum problem problem, const char *detail);

#endif
