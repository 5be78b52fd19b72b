/*
 * verify --explain: every check in the contract's order, with its outcome.
 *
 * MUST 1: the outcomes follow from the plugin's verdict alone. What lies behind the check that
 *         failed is found by asking the plugin again, and is told as what would be; it never
 * changes an outcome. MUST 2: no such question can be allowed: it would count as a use of the
 * token.
 */
#ifndef ESPT_CLI_EXPLAIN_H
#define ESPT_CLI_EXPLAIN_H

#include "cli/output.h"
#include "espt/validator.h"

struct question {
    struct cli *cli;
    const espt_validator *validator;
    espt_ctx *ctx;
    const espt_query *query;
    const espt_result *result; /* what it was answered */
};

/* A new reference: [{"check","outcome","detail"}]. */
json_t *json_of_checks(const struct question *question);
ESPT_MUST_USE int print_checks(const struct question *question, struct espt_error *err);

#endif
