/* SPDX-License-Identifier: ISC */
/* export: writes the store as lines of JSON. */
#include "cli/transfer.h"

static int on_entity(void *arg, const struct entity *entity, struct espt_error *err)
{
    (void)arg;
    return json_print_line(transfer_of_entity(entity), err);
}

static int on_token(void *arg, const struct token *token, const struct token_secret *secret,
                    struct espt_error *err)
{
    return json_print_line(transfer_of_token(token, secret, *(const bool *)arg), err);
}

int run_export(struct cli *cli, struct espt_error *err)
{
    bool sealed = given(cli, OPTION_SEALED);
    int code = cli_store(cli, err);
    if (code == 0)
        code = json_print_line(json_pack("{s:s, s:i, s:b}", "export", "esp-token", "version",
                                         TRANSFER_VERSION, "sealed", sealed),
                               err);
    return code == 0 ? store_export(cli->store, on_entity, on_token, &sealed, err) : code;
}
