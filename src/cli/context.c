#include "cli/cli.h"

#include "common/trust.h"
#include "places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MAX 86400

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

static int parse_wait(const char *text, unsigned *ret_seconds, struct espt_error *err)
{
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > strlen("86400") ||
        strtoul(text, NULL, 10) > WAIT_MAX)
        return espt_fail(err, ESPT_USAGE, "--wait takes seconds from 0 (do not wait) to %d",
                         WAIT_MAX);
    *ret_seconds = (unsigned)strtoul(text, NULL, 10);
    return 0;
}

int cli_config(struct cli *cli, struct espt_error *err)
{
    int code = config_load(&cli->config, cli_config_path(cli), geteuid(), err);
    cli->config.wait.tell = tell_waiting;
    cli->config.wait.arg = cli;
    cli->config.passphrase = (struct config_passphrase){cli_passphrase, cli};
    if (code == 0 && given(cli, OPTION_WAIT))
        code = parse_wait(cli->options.wait, &cli->config.wait.seconds, err);
    return code;
}

int cli_store(struct cli *cli, struct espt_error *err)
{
    const bool reads =
        cli->command->reads && !given(cli, OPTION_REVEAL) && !given(cli, OPTION_COPY);
    int code = cli_config(cli, err);
    fault_begin(cli->json);
    if (code == 0)
        code = (reads ? store_open_to_read : store_open)(&cli->store, &cli->config, err);
    if (code != 0)
        return code;
    struct actor actor;
    cli_actor(cli->command, &actor);
    store_actor(cli->store, &actor);
    return cli->options.as != NULL ? store_as(cli->store, cli->options.as, err) : 0;
}

int cli_tiers(struct cli *cli, struct espt_error *err)
{
    const char *path = cli->config.tiers;
    int code = tier_table_load(&cli->tiers, path, geteuid(), err);
    if (code != 0 && trust_missing(path))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: there is no tier table; make it by esp-tokenctl init, or see [tiers] "
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
