/* SPDX-License-Identifier: ISC */
/* What a command opens on demand: configuration, store, tier table. */
#include "cli/fleet.h"
#include "cli/operand.h"
#include "cli/progress.h"

#include "build_config.h"
#include "common/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* This process may already hold the writers' lock, so the notice must not wait for a terminal. */
static void print_waiting(void *arg)
{
    static const char text[] = "esp-tokenctl: waiting for another esp-tokenctl that is writing\n";
    const struct cli *cli = arg;
    if (!cli->json)
        notice(text, strlen(text));
}

const char *cli_config_path(const struct cli *cli)
{
    const char *path = getenv("ESP_TOKEN_CONFIG");
    if (given(cli, OPTION_CONFIG))
        return cli->options.config;
    return path != NULL && path[0] != '\0' ? path : ESPT_SYSCONFDIR "/esp-token/esp-token.conf";
}

int cli_config(struct cli *cli, struct espt_error *err)
{
    int code = config_load(&cli->config, cli_config_path(cli), geteuid(), err);
    cli->config.wait.notify = print_waiting;
    cli->config.wait.arg = cli;
    cli->config.passphrase = (struct config_passphrase){cli_passphrase, cli};
    if (code == 0 && given(cli, OPTION_WAIT))
        code = parse_wait(cli, &cli->config.wait.seconds, err);
    return code;
}

static void room_used(struct cli *cli)
{
    if (!cli->used_room)
        cli_warn(cli, "the disk is full: this command uses the room that is kept for revocations; "
                      "free some space");
    cli->used_room = true;
}

bool cli_make_room(struct cli *cli)
{
    const bool made = cli->revokes && store_make_room(cli->store);
    if (made)
        room_used(cli);
    return made;
}

int cli_store(struct cli *cli, struct espt_error *err)
{
    const bool reads =
        cli->command->reads && !given(cli, OPTION_REVEAL) && !given(cli, OPTION_COPY);
    int code = cli_config(cli, err);
    crash_begin(cli->json);
    if (code == 0 && reads)
        cli_fleet_catch_up(cli);
    if (code == 0)
        code = (reads ? store_open_to_read : store_open)(&cli->store, &cli->config, err);
    while (code == ESPT_UNUSABLE && cli->revokes && store_make_room_to_open(&cli->config)) {
        room_used(cli);
        code = store_open(&cli->store, &cli->config, err);
    }
    if (code == 0 && !reads && !cli->revokes)
        code = store_leave_room(cli->store, err);
    if (code == 0)
        code = cli_fleet_attach(cli, reads, err);
    if (code == 0 && (!cli->command->edges || cli->options.as != NULL))
        code = store_not_edge(cli->store, err);
    if (code != 0)
        return code;
    struct actor actor;
    cli_actor(cli->command, &actor);
    store_actor(cli->store, &actor);
    return cli->options.as != NULL ? store_as(cli->store, cli->options.as, err) : 0;
}

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

int cli_tiers(struct cli *cli, struct espt_error *err)
{
    const char *path = cli->config.tiers;
    int code = tier_table_load(&cli->tiers, path, geteuid(), err);
    if (code != 0 && trust_missing(path))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: there is no tier table; run 'esp-tokenctl init', or correct [tiers] "
                         "path in %s",
                         path, cli->config.file);
    return code;
}

const struct tier_table *cli_tiers_if_whole(struct cli *cli)
{
    struct espt_error err;
    if (cli->tiers == NULL && cli_tiers(cli, &err) != 0) {
        espt_fail_in(&err, "without the tier table");
        cli_warn(cli, err.message);
    }
    return cli->tiers;
}
