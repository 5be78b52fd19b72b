#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void tell_waiting(void *arg)
{
    const struct cli *cli = arg;
    if (!cli->json)
        fputs("esp-tokenctl: waiting for another esp-tokenctl that is writing\n", stderr);
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
    return config_load(&cli->config, cli_config_path(cli), geteuid(), err);
}

int cli_store(struct cli *cli, struct espt_error *err)
{
    int code = cli_config(cli, err);
    if (code == 0)
        code = store_open(&cli->store, &cli->config, err);
    if (code != 0)
        return code;
    struct actor actor;
    cli_actor(cli->command, &actor);
    store_actor(cli->store, &actor);
    store_on_wait(cli->store, tell_waiting, cli);
    return cli->options.as != NULL ? store_as(cli->store, cli->options.as, err) : 0;
}

int cli_tiers(struct cli *cli, struct espt_error *err)
{
    return tier_table_load(&cli->tiers, cli->config.tiers, geteuid(), err);
}

const struct tier_table *cli_tiers_if_whole(struct cli *cli)
{
    struct espt_error err;
    if (cli->tiers == NULL && cli_tiers(cli, &err) != 0 && !cli->json)
        fprintf(stderr, "esp-tokenctl: without the tier table: %s\n", err.message);
    return cli->tiers;
}
