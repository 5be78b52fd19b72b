/* SPDX-License-Identifier: ISC */
/* Operands and the values of options. Each form is parsed here only. The message of ESPT_USAGE
   names the wrong value. */
#ifndef ESPT_CLI_OPERAND_H
#define ESPT_CLI_OPERAND_H

#include "cli/cli.h"
#include "shapes/words.h"

/* Puts "'TEXT': " before the message, so that it names the wrong value. A text that may be a secret
   is left out: one that is as long as a token of another system, or holds the prefix of ours.
   Returns the error's code. */
int fail_naming(struct espt_error *err, const char *text);

ESPT_MUST_USE int parse_kind(const char *text, enum entity_kind *ret_kind, struct espt_error *err);
ESPT_MUST_USE int parse_status(const char *text, bool *ret_active, struct espt_error *err);
ESPT_MUST_USE int parse_token_status(const char *text, enum token_status *ret_status,
                                     struct espt_error *err);

/* Parse WHEN as each option defines it; *ret_when is in Unix seconds. */
ESPT_MUST_USE int parse_expires(const struct cli *cli, int64_t *ret_when, struct espt_error *err);
ESPT_MUST_USE int parse_expiring(const struct cli *cli, int64_t *ret_when, struct espt_error *err);
ESPT_MUST_USE int parse_unused(const struct cli *cli, int64_t *ret_when, struct espt_error *err);
/* *ret_since in Unix seconds; 0: --since is not given. */
ESPT_MUST_USE int parse_since(const struct cli *cli, int64_t *ret_since, struct espt_error *err);
/* *ret_until in Unix seconds; 0: --until is not given. */
ESPT_MUST_USE int parse_until(const struct cli *cli, int64_t *ret_until, struct espt_error *err);
/* -n: a number; UINT64_MAX for all; `otherwise` if it is not given. */
ESPT_MUST_USE int parse_lines(const struct cli *cli, uint64_t otherwise, uint64_t *ret_lines,
                              struct espt_error *err);
/* *ret_at in Unix seconds; 0: --at is not given. */
ESPT_MUST_USE int parse_at(const struct cli *cli, int64_t *ret_at, struct espt_error *err);
/* --overlap in seconds; -1: it is not given. */
ESPT_MUST_USE int parse_overlap(const struct cli *cli, int64_t *ret_seconds,
                                struct espt_error *err);
/* --clear in seconds; CLEAR_DEFAULT if it is not given. */
ESPT_MUST_USE int parse_clear(const struct cli *cli, unsigned *ret_seconds, struct espt_error *err);
/* --wait in seconds; the option must be given. */
ESPT_MUST_USE int parse_wait(const struct cli *cli, unsigned *ret_seconds, struct espt_error *err);
/* NUMBER:HASH, as `log verify` prints it. */
ESPT_MUST_USE int parse_pin(const char *text, struct log_head *ret_pin, struct espt_error *err);

#endif
