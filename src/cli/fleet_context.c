/* SPDX-License-Identifier: ISC */
/* The fleet of a command that opens the store. */
#include "cli/fleet.h"

#include "common/when.h"

#include <stdio.h>

#define CALL_MS 10000 /* limit of a call of the journal */
#define LOCK_MS 250   /* how long catching up waits for 'fleet follow' or another writer here */

void cli_fleet_catch_up(struct cli *cli)
{
    struct config config = cli->config;
    struct fleet *fleet;
    struct store *store;
    struct fleet_place place;
    struct espt_error *err = &cli->behind;
    *err = (struct espt_error){0};
    if (!fleet_configured(&cli->config) || given(cli, OPTION_STALE))
        return;
    config.wait = (struct config_wait){.ms = LOCK_MS};
    err->code = fleet_new(&fleet, &config, FLEET_READ_MS, err);
    if (err->code != 0)
        return;
    fleet_within(fleet, FLEET_READ_MS);
    int code = store_open(&store, &config, err);
    if (code == 0) {
        fleet_attach(fleet, store);
        code = fleet_place(store, &place, err);
        if (code == ESPT_REFUSED) /* no member yet */
            code = 0;
        else if (code == 0)
            code = fleet_catch_up(fleet, store, err);
        store_close(store);
    }
    fleet_free(fleet);
    err->code = code;
}

static void warn_behind(struct cli *cli)
{
    struct fleet_place place;
    struct espt_error ignored;
    char when[WHEN_TEXT_SIZE];
    if (cli->behind.code == 0 || fleet_place(cli->store, &place, &ignored) != 0)
        return;
    when_format(place.time, when);
    espt_add(&cli->behind, "; this is the state of entry %llu, made %s",
             (unsigned long long)place.position.number, when);
    espt_fail_in(&cli->behind, "the store may be behind the fleet");
    cli_warn(cli, cli->behind.message);
}

static bool names_something(const struct cli *cli)
{
    bool names = cli->options.as != NULL;
    for (size_t i = 0; i < OPERANDS_MAX; i++) {
        const enum value value = cli->command->operands[i].value;
        names = names || value == VALUE_TOKEN || value == VALUE_ENTITY;
    }
    return names;
}

/* A failure is ignored here: the change itself catches up again, and reports it. */
static void catch_up_to_look(struct cli *cli)
{
    struct espt_error ignored;
    if (names_something(cli) && fleet_catch_up(cli->fleet, cli->store, &ignored) != 0)
        return;
}

int cli_fleet_attach(struct cli *cli, bool reads, struct espt_error *err)
{
    if (!fleet_configured(&cli->config))
        return 0;
    int code = fleet_new(&cli->fleet, &cli->config, CALL_MS, err);
    if (code != 0)
        return code;
    fleet_attach(cli->fleet, cli->store);
    if (!reads)
        catch_up_to_look(cli);
    warn_behind(cli);
    return cli->command->uses ? cli_fleet_uses(cli, err) : 0;
}
