/* SPDX-License-Identifier: ISC */
/* Uses that other machines of a fleet have counted. */
#include "cli/fleet.h"

#include "fleet/uses.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* With --stale the journal is not asked. */
static int without_journal(struct cli *cli, struct espt_error *err)
{
    struct sites sites;
    int code = fleet_sites(cli->store, &sites, err);
    if (code != 0)
        return code;
    if (sites_count(&sites, true) > 0)
        snprintf(cli->uses->elsewhere.unknown, sizeof cli->uses->elsewhere.unknown,
                 "the reports of edges are in the journal, and --stale was given");
    sites_clear(&sites);
    return 0;
}

static int read_uses(struct cli *cli, struct espt_error *err)
{
    struct fleet *fleet;
    struct fleet_place place;
    int code = fleet_place(cli->store, &place, err);
    if (code == ESPT_REFUSED) /* no member */
        return 0;
    if (code == 0 && given(cli, OPTION_STALE))
        return without_journal(cli, err);
    if (code == 0)
        code = fleet_new(&fleet, &cli->config, FLEET_READ_MS, err);
    if (code != 0)
        return code;
    code = fleet_uses(fleet, cli->store, cli->uses, err);
    fleet_free(fleet);
    return code;
}

int cli_fleet_uses(struct cli *cli, struct espt_error *err)
{
    char warning[512];
    cli->uses = calloc(1, sizeof *cli->uses);
    if (cli->uses == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    int code = read_uses(cli, err);
    if (code != 0)
        return code;
    store_elsewhere(cli->store, &cli->uses->elsewhere);
    const char *why = store_elsewhere_unknown(cli->store);
    if (why == NULL)
        return 0;
    const bool sums = cli->command->sums;
    snprintf(warning, sizeof warning, "%s: %s",
             sums ? "uses are those of this machine alone" : "uses are not known", why);
    if (sums)
        store_elsewhere(cli->store, NULL);
    cli_warn(cli, warning);
    return 0;
}

void cli_fleet_uses_free(struct cli *cli)
{
    if (cli->uses != NULL)
        fleet_uses_clear(cli->uses);
    free(cli->uses);
    cli->uses = NULL;
}

void cli_fleet_report(struct cli *cli)
{
    struct espt_error err;
    if (cli->fleet == NULL || access(cli->config.fleet_key, F_OK) != 0)
        return;
    const int code = fleet_report(cli->fleet, cli->store, &err);
    if (code == 0 || code == ESPT_REFUSED)
        return;
    espt_fail_in(&err, "the uses were not reported to the fleet");
    cli_warn(cli, err.message);
}
