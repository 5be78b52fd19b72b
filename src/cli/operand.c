/* SPDX-License-Identifier: ISC */
/* Parsers of operands and option values. */
#include "cli/operand.h"

#include "common/token.h"
#include "common/when.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CLEAR_MAX 86400
#define WAIT_MAX 86400

int fail_naming(struct espt_error *err, const char *text)
{
    return token_text_possible(text) ? err->code : espt_fail_in(err, "'%s'", text);
}

/* --- words --- */

int parse_kind(const char *text, enum entity_kind *ret_kind, struct espt_error *err)
{
    if (kind_from_word(text, ret_kind))
        return 0;
    espt_fail(err, ESPT_USAGE, "not a kind; give --kind reseller or --kind customer");
    return fail_naming(err, text);
}

int parse_status(const char *text, bool *ret_active, struct espt_error *err)
{
    if (status_from_word(text, ret_active))
        return 0;
    espt_fail(err, ESPT_USAGE, "not a status; give active or inactive");
    return fail_naming(err, text);
}

int parse_token_status(const char *text, enum token_status *ret_status, struct espt_error *err)
{
    if (token_status_from_word(text, ret_status))
        return 0;
    espt_fail(err, ESPT_USAGE,
              "not a status; give active, inactive, expired, suspended or retiring");
    return fail_naming(err, text);
}

/* --- WHEN --- */

static int parse_when(const struct cli *cli, enum cli_option option, int64_t *ret_when,
                      struct espt_error *err)
{
    const char *text = option_value(&cli->options, option);
    int code = when_parse(text, cli->now, ret_when, err);
    if (code == 0)
        return 0;
    fail_naming(err, text);
    return espt_fail_in(err, "--%s", option_table[option].name);
}

int parse_expires(const struct cli *cli, int64_t *ret_when, struct espt_error *err)
{
    return parse_when(cli, OPTION_EXPIRES, ret_when, err);
}

int parse_expiring(const struct cli *cli, int64_t *ret_when, struct espt_error *err)
{
    int code = parse_when(cli, OPTION_EXPIRING, ret_when, err);
    if (code == 0 && *ret_when <= cli->now)
        return espt_fail(
            err, ESPT_USAGE,
            "--expiring takes a time in the future; for past ones use --status expired");
    return code;
}

/* Parses a span that counts back from now. */
static bool parse_span_back(const struct cli *cli, const char *text, int64_t earliest,
                            int64_t *ret_when)
{
    int64_t span;
    if (!span_parse(text, &span))
        return false;
    *ret_when = cli->now > span ? cli->now - span : earliest;
    return true;
}

int parse_unused(const struct cli *cli, int64_t *ret_when, struct espt_error *err)
{
    if (parse_span_back(cli, cli->options.unused, 1, ret_when))
        return 0;
    int code = parse_when(cli, OPTION_UNUSED, ret_when, err);
    if (code == 0 && (*ret_when == WHEN_NEVER || *ret_when > cli->now))
        return espt_fail(err, ESPT_USAGE, "--unused takes a span, or a time in the past");
    return code;
}

/* A time in the past, usually. 0: the option is not given, or `never`. */
static int parse_back(const struct cli *cli, enum cli_option option, int64_t earliest,
                      int64_t *ret_when, struct espt_error *err)
{
    const char *text = option_value(&cli->options, option);
    *ret_when = 0;
    if (text == NULL || parse_span_back(cli, text, earliest, ret_when))
        return 0;
    return parse_when(cli, option, ret_when, err);
}

int parse_since(const struct cli *cli, int64_t *ret_since, struct espt_error *err)
{
    return parse_back(cli, OPTION_SINCE, 0, ret_since, err);
}

int parse_until(const struct cli *cli, int64_t *ret_until, struct espt_error *err)
{
    return parse_back(cli, OPTION_UNTIL, 1, ret_until, err);
}

int parse_at(const struct cli *cli, int64_t *ret_at, struct espt_error *err)
{
    *ret_at = 0;
    if (cli->options.at == NULL)
        return 0;
    int code = parse_when(cli, OPTION_AT, ret_at, err);
    if (code == 0 && *ret_at == WHEN_NEVER)
        code = espt_fail(err, ESPT_USAGE, "--at takes a time, not never");
    return code;
}

/* --- spans and numbers --- */

int parse_overlap(const struct cli *cli, int64_t *ret_seconds, struct espt_error *err)
{
    const char *text = cli->options.overlap;
    if (text == NULL)
        *ret_seconds = -1;
    else if (strcmp(text, "0") == 0)
        *ret_seconds = 0;
    else if (!span_parse(text, ret_seconds))
        return espt_fail(err, ESPT_USAGE,
                         "--overlap takes a span (90m, 12h, 7d), or 0 to end the old "
                         "secret at once");
    return 0;
}

int parse_clear(const struct cli *cli, unsigned *ret_seconds, struct espt_error *err)
{
    const char *text = cli->options.clear;
    unsigned long seconds = CLEAR_DEFAULT;
    if (text != NULL) {
        seconds = strtoul(text, NULL, 10);
        if (strspn(text, "0123456789") != strlen(text) || seconds > CLEAR_MAX) {
            espt_fail(err, ESPT_USAGE, "--clear takes seconds from 1 to %d, or 0 for never",
                      CLEAR_MAX);
            return fail_naming(err, text);
        }
    }
    *ret_seconds = (unsigned)seconds;
    return 0;
}

int parse_wait(const struct cli *cli, unsigned *ret_seconds, struct espt_error *err)
{
    const char *text = cli->options.wait;
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > strlen("86400") ||
        strtoul(text, NULL, 10) > WAIT_MAX) {
        espt_fail(err, ESPT_USAGE, "--wait takes seconds from 0 (do not wait) to %d", WAIT_MAX);
        return fail_naming(err, text);
    }
    *ret_seconds = (unsigned)strtoul(text, NULL, 10);
    return 0;
}

int parse_lines(const struct cli *cli, uint64_t otherwise, uint64_t *ret_lines,
                struct espt_error *err)
{
    const char *text = cli->options.lines;
    *ret_lines = otherwise;
    if (text == NULL)
        return 0;
    *ret_lines = UINT64_MAX;
    if (strcmp(text, "all") == 0)
        return 0;
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 18) {
        espt_fail(err, ESPT_USAGE, "-n takes a number of entries, or all");
        return fail_naming(err, text);
    }
    *ret_lines = strtoull(text, NULL, 10);
    return 0;
}

int parse_pin(const char *text, struct log_head *ret_pin, struct espt_error *err)
{
    char *end = NULL;
    size_t len = 0;
    struct log_head pin = {.sequence = strtoull(text, &end, 10)};
    if (strspn(text, "0123456789") == 0 || *end != ':' ||
        sodium_hex2bin(pin.hash, sizeof pin.hash, end + 1, strlen(end + 1), NULL, &len, NULL) !=
            0 ||
        len != sizeof pin.hash)
        return espt_fail(err, ESPT_USAGE, "--pin takes NUMBER:HASH as log verify prints it");
    *ret_pin = pin;
    return 0;
}
