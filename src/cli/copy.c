/* SPDX-License-Identifier: ISC */
/* copy, and --copy of other commands: a token's text goes only to the clipboard. */
#include "cli/operand.h"
#include "cli/output.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cli_copy(struct cli *cli, const struct token *token, char *text, unsigned seconds,
             struct espt_error *err)
{
    const char *way;
    store_close(cli->store);
    cli->store = NULL;
    int code = clipboard_copy(text, seconds, &way, err);
    if (code != 0 || cli->json)
        return code;
    fprintf(stderr, "esp-tokenctl: copied %s/%s to the clipboard (%s)", token->entity, token->name,
            way);
    if (seconds > 0)
        fprintf(stderr, "; it is cleared in %u s", seconds);
    fputc('\n', stderr);
    return 0;
}

int cli_copy_wanted(const struct cli *cli, struct espt_error *err)
{
    const bool quiet = given(cli, OPTION_QUIET);
    if (given(cli, OPTION_COPY) && (quiet || given(cli, OPTION_FROM)))
        return espt_fail(err, ESPT_USAGE, "both --copy and --%s are given; keep one",
                         quiet ? "quiet" : "from");
    return 0;
}

int cli_copy_new(struct cli *cli, const struct token *token, char *text, struct espt_error *err)
{
    char id[TOKEN_ID_LEN + 1];
    int code = cli_copy(cli, token, text, CLEAR_DEFAULT, err);
    if (code == 0)
        return 0;
    token_id_format(token->id, id);
    return espt_fail_in(err,
                        "the token is created, but its text is not on the clipboard; run "
                        "'esp-tokenctl show %s --reveal' to see it",
                        id);
}

int run_copy(struct cli *cli, struct espt_error *err)
{
    struct token_ref ref;
    struct token token;
    char text[TOKEN_TEXT_LEN + 1] = "";
    unsigned seconds = 0;
    int code = parse_clear(cli, &seconds, err);
    if (code == 0)
        code = cli_token(cli, &ref, &token, err);
    if (code == 0)
        code = store_token_reveal(cli->store, &ref, &token, text, err);
    if (code == 0)
        code = cli_copy(cli, &token, text, seconds, err);
    if (code == 0 && cli->json)
        code = json_print(json_of_token(&token, NULL, cli->now), err);
    sodium_memzero(text, sizeof text);
    return code;
}
