/* SPDX-License-Identifier: ISC */
/* verify: asks the validator plugin about a token, as a host does. */
#include "cli/explain.h"
#include "cli/fleet.h"
#include "cli/operand.h"
#include "cli/validator.h"

#include "common/when.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRESENTED_MAX 4096

/* Reads a pasted token without echo, so that it does not stay on the screen. */
static int ask_token(char *ret_text, size_t *ret_len, struct espt_error *err)
{
    if (readpassphrase("Token: ", ret_text, PRESENTED_MAX, RPP_REQUIRE_TTY) == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "the terminal: %s", strerror(errno));
    *ret_len = strlen(ret_text);
    return 0;
}

/* Reads without stdio, whose buffer is not wiped. A byte-order mark and one line ending are not
   part of the token. A text longer than PRESENTED_MAX is cut; it is malformed in any case. */
static int read_token(char *ret_text, size_t *ret_len, struct espt_error *err)
{
    size_t len = 0;
    ssize_t got = 1;
    if (isatty(STDIN_FILENO))
        return ask_token(ret_text, ret_len, err);
    while (got != 0 && len < PRESENTED_MAX) {
        got = read(STDIN_FILENO, ret_text + len, PRESENTED_MAX - len);
        if (got < 0 && errno != EINTR)
            return espt_fail(err, ESPT_UNUSABLE, "standard input: %s", strerror(errno));
        len += got > 0 ? (size_t)got : 0;
    }
    if (len > 0 && ret_text[len - 1] == '\n')
        len -= len > 1 && ret_text[len - 2] == '\r' ? 2 : 1;
    const size_t mark = bom_len(ret_text, len);
    memmove(ret_text, ret_text + mark, len - mark);
    *ret_len = len - mark;
    return 0;
}

/* In a fleet, an answer is as old as the store. */
static bool find_place(struct cli *cli, struct fleet_place *ret_place)
{
    struct espt_error ignored;
    return cli_config(cli, &ignored) == 0 && fleet_configured(&cli->config) &&
           (cli->store != NULL || store_open_to_read(&cli->store, &cli->config, &ignored) == 0) &&
           fleet_place(cli->store, ret_place, &ignored) == 0;
}

static void write_age(FILE *out, struct cli *cli)
{
    struct fleet_place place;
    char age[96];
    if (!find_place(cli, &place))
        return;
    cli_fleet_age(&place, age, sizeof age);
    fprintf(out, ", by %s", age);
}

static int print_json(const struct question *question, const struct check *checks,
                      struct espt_error *err)
{
    const espt_result *result = question->result;
    struct fleet_place place;
    json_t *verdict =
        json_pack("{s:b, s:s, s:o, s:o, s:o}", "allowed", result->status == ESPT_ALLOW, "reason",
                  question->validator->reason(result->status), "token_id",
                  json_text_or_null(result->token_id), "entity", json_text_or_null(result->entity),
                  "tier", json_text_or_null(result->tier));
    if (verdict != NULL && question->ctx == NULL)
        json_object_set_new(verdict, "text_checked", json_false());
    if (verdict != NULL && given(question->cli, OPTION_EXPLAIN))
        json_object_set_new(verdict, "checks", json_of_checks(question, checks));
    if (verdict != NULL && find_place(question->cli, &place))
        json_object_set_new(verdict, "fleet",
                            json_pack("{s:I, s:o}", "entry", (json_int_t)place.position.number,
                                      "time", json_time(place.time)));
    return json_print(verdict, err);
}

static void write_verdict(FILE *out, const struct question *question)
{
    const espt_result *result = question->result;
    if (result->status == ESPT_ALLOW)
        fputs(question->ctx != NULL ? "allow" : "allow, if the text is right", out);
    else
        fprintf(out, "deny: %s (%s)", question->validator->reason(result->status), result->detail);
    if (result->token_id[0] != '\0')
        fprintf(out, ", token %s", result->token_id);
    if (result->entity[0] != '\0')
        fprintf(out, ", %s %s, tier %s", kind_word((enum entity_kind)result->kind), result->entity,
                result->tier);
    if (given(question->cli, OPTION_AT)) {
        char at[WHEN_TEXT_SIZE];
        when_format(question->query->now, at);
        fprintf(out, ", at %s", at);
    }
    write_age(out, question->cli);
}

/* Prints one line. At a terminal it breaks at blanks, so that an id stays whole. */
static void print_verdict(const struct question *question)
{
    char *text = NULL;
    size_t len;
    FILE *out = at_terminal(stdout) ? open_memstream(&text, &len) : NULL;
    if (out != NULL)
        write_verdict(out, question);
    if (out != NULL && fclose(out) == 0) {
        print_wrapped(text, 0, 0, terminal_columns());
    } else { /* not a terminal, or out of memory */
        write_verdict(stdout, question);
        putchar('\n');
    }
    free(text);
}

static int print(const struct question *question, const struct check *checks,
                 struct espt_error *err)
{
    int code = 0;
    if (question->cli->json)
        return print_json(question, checks, err);
    if (given(question->cli, OPTION_EXPLAIN)) {
        code = print_checks(question, checks, err);
        putchar('\n');
    }
    print_verdict(question);
    return code;
}

/* The question that the options ask, without a token. */
static espt_query query_of(const struct options *o, int64_t at)
{
    espt_query query = {.size = sizeof query, .now = at};
    if (o->metric != NULL) {
        query.metric = o->metric;
        query.metric_len = strlen(o->metric);
    }
    if (o->entity != NULL) {
        query.entity = o->entity;
        query.entity_len = strlen(o->entity);
    }
    return query;
}

/* --- a token's text, from standard input --- */

static int check_text(struct cli *cli, const espt_validator *validator, int64_t at,
                      espt_result *result, struct espt_error *err)
{
    espt_ctx *ctx;
    char message[sizeof err->message];
    if (!validator->open_uncounted(&ctx, cli_config_path(cli), NULL, NULL, message, sizeof message))
        return espt_fail(err, ESPT_UNUSABLE, "%s", message);
    char presented[PRESENTED_MAX] = "";
    espt_query query = query_of(&cli->options, at);
    query.token = presented;
    int code = read_token(presented, &query.token_len, err);
    if (code == 0) {
        validator->validate(ctx, &query, result);
        code = print(&(struct question){cli, validator, ctx, &query, result}, NULL, err);
    }
    sodium_memzero(presented, sizeof presented);
    validator->close(ctx);
    if (code == 0 && result->status >= ESPT_ERR_UNAVAILABLE)
        return espt_fail(
            err, ESPT_UNUSABLE, "%s%s", result->detail,
            strstr(result->detail, "esp-tokenctl") != NULL ? "" : "; run 'esp-tokenctl check'");
    return code;
}

/* --- a token without its text --- */

static int check_named(struct cli *cli, const espt_validator *validator, int64_t at,
                       espt_result *result, struct espt_error *err)
{
    struct check checks[CHECKS];
    const espt_query query = query_of(&cli->options, at != 0 ? at : cli->now);
    int code = explain_token(cli, &query, result, checks, err);
    return code == 0 ? print(&(struct question){cli, validator, NULL, &query, result}, checks, err)
                     : code;
}

int run_verify(struct cli *cli, struct espt_error *err)
{
    const espt_validator *validator;
    espt_result result = {.size = sizeof result};
    int64_t at;
    int code = parse_at(cli, &at, err);
    if (code == 0 && given(cli, OPTION_AS) && !given(cli, OPTION_TOKEN))
        code =
            espt_fail(err, ESPT_USAGE,
                      "--as is given without --token; give --token, or omit --as: a token's text "
                      "needs no further rights");
    if (code == 0)
        code = validator_load(&validator, err);
    if (code == 0)
        code =
            (given(cli, OPTION_TOKEN) ? check_named : check_text)(cli, validator, at, &result, err);
    return code != 0 ? code : result.status == ESPT_ALLOW ? 0 : 1;
}
