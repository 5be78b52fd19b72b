#include "cli/output.h"

#include "common/when.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define OVERLAP_DEFAULT INT64_C(86400) /* a day */

static int parse_overlap(const char *text, int64_t *ret_seconds, struct espt_error *err)
{
    if (text == NULL)
        *ret_seconds = OVERLAP_DEFAULT;
    else if (strcmp(text, "0") == 0)
        *ret_seconds = 0;
    else if (!span_parse(text, ret_seconds))
        return espt_fail(err, ESPT_USAGE,
                         "--overlap takes a span (12h, 7d), or 0 to end the old "
                         "secret at once");
    return 0;
}

static void tell_old(const struct rotated *rotated)
{
    char id[TOKEN_ID_LEN + 1], when[WHEN_TEXT_SIZE];
    token_id_format(rotated->old.id, id);
    when_format(rotated->old.expires, when);
    if (rotated->retiring)
        printf("The old one, %s, works until %s; end it by: esp-tokenctl retire %s\n", id, when,
               id);
    else
        printf("The old one, %s, has ended.\n", id);
}

static int print(struct cli *cli, const struct rotated *rotated, const char *text,
                 struct espt_error *err)
{
    if (cli->json)
        return json_print(json_of_token(&rotated->token, text, cli->now), err);
    if (given(cli, OPTION_QUIET)) {
        puts(text);
        return 0;
    }
    print_new_token(&rotated->token, text, cli->now);
    tell_old(rotated);
    return 0;
}

int run_rotate(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct token_ref ref;
    struct rotated rotated;
    char text[TOKEN_TEXT_LEN + 1] = "";
    int64_t overlap, expires = 0;
    int code = cli_copy_wanted(cli, err);
    if (code == 0)
        code = token_ref_parse(&ref, o->operand[0], err);
    if (code == 0)
        code = parse_overlap(o->overlap, &overlap, err);
    if (code == 0 && o->expires != NULL)
        code = cli_expires(cli, &expires, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = store_token_rotate(cli->store, cli->tiers, &ref, overlap,
                                  o->expires != NULL ? &expires : NULL, &rotated, text, err);
    if (code == 0 && given(cli, OPTION_COPY))
        code = cli_copy_new(cli, &rotated.token, text, err);
    if (code == 0)
        code = print(cli, &rotated, given(cli, OPTION_COPY) ? NULL : text, err);
    sodium_memzero(text, sizeof text);
    return code;
}

int run_retire(struct cli *cli, struct espt_error *err)
{
    struct token_ref ref;
    struct token token;
    char id[TOKEN_ID_LEN + 1];
    int code = token_ref_parse(&ref, cli->options.operand[0], err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = store_token_retire(cli->store, &ref, &token, err);
    if (code != 0)
        return code;
    if (cli->json)
        return json_print(json_pack("{s:o}", "retired", json_of_token(&token, NULL, cli->now)),
                          err);
    token_id_format(token.id, id);
    printf("ended %s (%s of %s)\n", id, token.name, token.entity);
    return 0;
}
