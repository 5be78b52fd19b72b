/* SPDX-License-Identifier: ISC */
/* create, show and edit. */
#include "cli/chosen.h"
#include "cli/operand.h"
#include "cli/output.h"

#include "common/when.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static int print(struct cli *cli, const struct token *token, const char *text,
                 struct espt_error *err)
{
    if (text != NULL)
        warn_of_readers(cli);
    if (cli->json)
        return json_print(json_of_token(token, text, cli->now), err);
    print_token(stdout, token, text, cli->now);
    return 0;
}

/* --- create, show --- */

int run_create(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct token token;
    char text[TOKEN_TEXT_LEN + 1] = "";
    int64_t expires = 0;
    const bool many = given(cli, OPTION_FROM);
    struct token_new wanted = {.entity = o->operand[0], .note = o->note};
    int code = cli_copy_wanted(cli, err);
    if (code == 0)
        code = dry_run_wanted(cli, err);
    if (code == 0 && o->expires != NULL) {
        code = parse_expires(cli, &expires, err);
        wanted.expires = &expires;
    }
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0 && many)
        return create_many(cli, &wanted, err);
    wanted.name = many ? NULL : o->operand[1];
    if (code == 0)
        code = store_token_create(cli->store, cli->tiers, &wanted, &token, text, err);
    const bool clip = given(cli, OPTION_COPY);
    if (code == 0 && clip)
        code = cli_copy_new(cli, &token, text, err);
    if (code == 0 && !clip)
        warn_of_readers(cli);
    if (code == 0 && given(cli, OPTION_QUIET) && !cli->json) {
        puts(text);
        warn_of_denial(cli, &token);
    } else if (code == 0 && cli->json) {
        code = json_print(json_of_token(&token, clip ? NULL : text, cli->now), err);
    } else if (code == 0) {
        print_new_token(&token, clip ? NULL : text, cli->now);
    }
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

/* The fields to change. *ret_active and *ret_expires hold what `ret_edit` refers to. */
static int parse_edit(struct cli *cli, struct token_edit *ret_edit, int *ret_active,
                      int64_t *ret_expires, struct espt_error *err)
{
    const struct options *o = &cli->options;
    bool active = true;
    int code = 0;
    if (o->name == NULL && o->expires == NULL && o->status == NULL && o->note == NULL)
        return espt_fail(err, ESPT_USAGE,
                         "nothing to edit; give --name, --note, --expires or --status");
    if (o->name != NULL && (o->operands > 1 || given(cli, OPTION_FROM)))
        return espt_fail(err, ESPT_USAGE,
                         "--name is given for several TOKENs, but a name belongs to one");
    *ret_edit = (struct token_edit){.name = o->name, .note = o->note};
    if (o->expires != NULL) {
        code = parse_expires(cli, ret_expires, err);
        ret_edit->expires = ret_expires;
    }
    if (code == 0 && o->status != NULL) {
        code = parse_status(o->status, &active, err);
        *ret_active = active;
        ret_edit->active = ret_active;
        cli->revokes = code == 0 && !active && !given(cli, OPTION_DRY_RUN);
    }
    return code;
}

int run_edit(struct cli *cli, struct espt_error *err)
{
    static const struct chosen_words words = {"tokens", "edited", "would edit"};
    struct token_edit edit;
    struct chosen chosen = {.many = false};
    int64_t expires;
    int active;
    int code = parse_edit(cli, &edit, &active, &expires, err);
    if (code == 0)
        code = chosen_read(cli, &chosen, err);
    if (code == 0)
        code = cli_store(cli, err);
    /* do not read the tokens first: the folder of [usage] is read only after the change */
    if (code == 0) {
        do
            code = store_tokens_edit(cli->store, &chosen.set, &edit, err);
        while (code == ESPT_UNUSABLE && cli_make_room(cli));
        if (code != 0)
            chosen_fail(cli, &chosen, err);
    }
    if (code == 0)
        code = chosen.many || chosen.set.dry ? chosen_print(cli, &chosen, &words, err)
                                             : print(cli, &chosen.set.item[0].token, NULL, err);
    chosen_clear(&chosen);
    return code;
}
