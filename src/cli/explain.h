/* SPDX-License-Identifier: ISC */
/*
 * verify --explain: every check in the order of specification §7, with its outcome.
 *
 * MUST 1: for a presented text the outcomes follow from the plugin's verdict alone. The checks
 * after the failed one are found by further questions to the plugin, and are shown with the result
 * they would have had. That never changes an outcome.
 *
 * MUST 2: no question counts as a use of the token: the context is opened with open_uncounted.
 */
#ifndef ESPT_CLI_EXPLAIN_H
#define ESPT_CLI_EXPLAIN_H

#include "cli/output.h"
#include "espt/validator.h"

#define CHECK_FIRST ESPT_DENY_MALFORMED
#define CHECKS (ESPT_DENY_METRIC - CHECK_FIRST + 1)
#define CHECK_DETAIL_SIZE 320

enum outcome {
    CHECK_NOT_REACHED,
    CHECK_PASS,
    CHECK_FAIL,
    CHECK_NOT_MADE, /* the text is not known */
};
struct check {
    enum outcome outcome;
    char detail[CHECK_DETAIL_SIZE];
};

struct question {
    struct cli *cli;
    const espt_validator *validator;
    espt_ctx *ctx; /* NULL: the token is checked without its text */
    const espt_query *query;
    const espt_result *result; /* the answer */
};

/* explain.c: the checks of a presented text. */
void explain(const struct question *question, struct check checks[static CHECKS]);
/* Writes why a check passed. `out` has CHECK_DETAIL_SIZE bytes. */
void check_describe_pass(int check, const espt_query *query, const espt_result *result, char *out);

/* explain_token.c: checks the token of --token by its records, without its text: fills `result` and
   `checks`. The query has no token. */
ESPT_MUST_USE int explain_token(struct cli *cli, const espt_query *query, espt_result *result,
                                struct check checks[static CHECKS], struct espt_error *err);

/* explain_print.c. `checks` NULL: those of explain(). The first one returns a new reference:
   [{"check","outcome","detail"}]. */
json_t *json_of_checks(const struct question *question, const struct check *checks);
ESPT_MUST_USE int print_checks(const struct question *question, const struct check *checks,
                               struct espt_error *err);

#endif
