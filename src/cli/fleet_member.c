/* SPDX-License-Identifier: ISC */
/* Commands for a store that belongs to a fleet, or may. */
#include "cli/fleet.h"

#include "store/clock.h"

#include <stdio.h>

void cli_fleet_age(const struct fleet_place *place, char *out, size_t size)
{
    const int64_t age = clock_now() - place->time;
    snprintf(out, size, "entry %llu, %lld s old", (unsigned long long)place->position.number,
             (long long)(age > 0 ? age : 0));
}

int cli_fleet_section(const struct cli *cli, struct espt_error *err)
{
    return fleet_configured(&cli->config)
               ? 0
               : espt_fail(err, ESPT_UNUSABLE,
                           "%s: it has no [fleet]; add the section, as esp-token.conf(5) says",
                           cli->config.file);
}

int cli_fleet_open(struct cli *cli, struct espt_error *err)
{
    int code = cli_config(cli, err);
    if (code == 0)
        code = cli_fleet_section(cli, err);
    return code == 0 ? cli_store(cli, err) : code;
}

int cli_fleet_member(struct cli *cli, struct fleet_place *ret_place, struct espt_error *err)
{
    int code = cli_fleet_open(cli, err);
    return code == 0 ? fleet_place(cli->store, ret_place, err) : code;
}

int cli_fleet_is_member(const struct cli *cli, bool *ret_member, struct espt_error *err)
{
    struct fleet_place place;
    struct store *store;
    *ret_member = false;
    if (!fleet_configured(&cli->config))
        return 0;
    int code = store_open_to_read(&store, &cli->config, err);
    if (code != 0) {
        espt_add(err, "; run 'esp-tokenctl init' and 'esp-tokenctl fleet join' to get the state of "
                      "the fleet");
        return code;
    }
    code = fleet_place(store, &place, err);
    store_close(store);
    *ret_member = code == 0;
    return code == ESPT_REFUSED ? 0 : code;
}
