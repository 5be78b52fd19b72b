#include "cli/output.h"

#include "common/when.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int cli_token(struct cli *cli, struct token_ref *ret_ref, struct token *ret_token,
              struct espt_error *err)
{
    int code = token_ref_parse(ret_ref, cli->options.operand[0], err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = store_token_get(cli->store, ret_ref, ret_token, err);
    return code;
}

static int print(struct cli *cli, const struct token *token, const char *text,
                 struct espt_error *err)
{
    if (cli->json)
        return json_print(json_of_token(token, text, cli->now), err);
    print_token(stdout, token, text, cli->now);
    return 0;
}

/* --- create, show --- */

int cli_expires(const struct cli *cli, int64_t *ret_when, struct espt_error *err)
{
    int code = when_parse(cli->options.expires, cli->now, ret_when, err);
    return code != 0 ? espt_fail_in(err, "--expires") : 0;
}

int run_create(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct token token;
    char text[TOKEN_TEXT_LEN + 1] = "";
    int64_t expires = 0;
    const bool many = given(cli, OPTION_FROM);
    int code = cli_copy_wanted(cli, err);
    if (code == 0 && o->expires != NULL)
        code = cli_expires(cli, &expires, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0 && many)
        return create_many(cli, o->expires != NULL ? &expires : NULL, err);
    if (code == 0)
        code = store_token_create(cli->store, cli->tiers, o->operand[0], o->operand[1],
                                  o->expires != NULL ? &expires : NULL, &token, text, err);
    const bool clip = given(cli, OPTION_COPY);
    if (code == 0 && clip)
        code = cli_copy_new(cli, &token, text, err);
    if (code == 0 && given(cli, OPTION_QUIET) && !cli->json)
        puts(text);
    else if (code == 0 && cli->json)
        code = json_print(json_of_token(&token, clip ? NULL : text, cli->now), err);
    else if (code == 0)
        print_new_token(&token, clip ? NULL : text, cli->now);
    sodium_memzero(text, sizeof text);
    return code;
}

int run_show(struct cli *cli, struct espt_error *err)
{
    struct token_ref ref;
    struct token token;
    char text[TOKEN_TEXT_LEN + 1] = "";
    const bool reveal = given(cli, OPTION_REVEAL), clip = given(cli, OPTION_COPY);
    int code = cli_token(cli, &ref, &token, err);
    if (code == 0 && (reveal || clip))
        code = store_token_reveal(cli->store, &ref, &token, text, err);
    if (code == 0 && clip)
        code = cli_copy(cli, &token, text, CLEAR_DEFAULT, err);
    if (code == 0)
        code = print(cli, &token, reveal ? text : NULL, err);
    sodium_memzero(text, sizeof text);
    return code;
}

/* --- edit --- */

int run_edit(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct token_edit edit = {.name = o->name};
    struct token_ref ref;
    struct token token;
    int64_t expires;
    int active, code = 0;
    if (o->name == NULL && o->expires == NULL && o->status == NULL)
        return espt_fail(err, ESPT_USAGE, "nothing to edit; give --name, --expires or --status");
    if (o->expires != NULL) {
        code = cli_expires(cli, &expires, err);
        edit.expires = &expires;
    }
    if (code == 0 && o->status != NULL) {
        code = parse_status(o->status, &active, err);
        edit.active = &active;
    }
    if (code == 0)
        code = cli_token(cli, &ref, &token, err);
    if (code == 0)
        code = store_token_edit(cli->store, &ref, &edit, &token, err);
    return code == 0 ? print(cli, &token, NULL, err) : code;
}
