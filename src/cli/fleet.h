/* SPDX-License-Identifier: ISC */
/* How commands take part in a fleet. */
#ifndef ESPT_CLI_FLEET_H
#define ESPT_CLI_FLEET_H

#include "cli/cli.h"
#include "fleet/fleet.h"

#define FLEET_READ_MS 500 /* of the journal, for a command that reads, in all */

/* Before a command that only reads opens the store: applies what the journal has, for a short
   time. If that fails, cli_fleet_attach() warns. */
void cli_fleet_catch_up(struct cli *cli);
/* After the store was opened: lets changes go through the journal, if [fleet] names one, and warns
   if the store may be behind. A command that does not only read, and names a token or an entity,
   looks it up before its change: so it catches up here. */
ESPT_MUST_USE int cli_fleet_attach(struct cli *cli, bool reads, struct espt_error *err);

/* Writes the position and age, as in "entry 42, 3 s old". */
void cli_fleet_age(const struct fleet_place *place, char *out, size_t size);
/* For a command that shows uses: adds those that other machines have reported, or warns why they
   are not known. */
ESPT_MUST_USE int cli_fleet_uses(struct cli *cli, struct espt_error *err);
void cli_fleet_uses_free(struct cli *cli); /* after the store was closed */
/* Reports the uses of this machine, if it has a key of the fleet. A failure is a warning. */
void cli_fleet_report(struct cli *cli);

/* Requires that the configuration, which was read, has a [fleet]. */
ESPT_MUST_USE int cli_fleet_section(const struct cli *cli, struct espt_error *err);
/* As cli_store(), if the configuration has a [fleet]. */
ESPT_MUST_USE int cli_fleet_open(struct cli *cli, struct espt_error *err);
/* The same, for a store that belongs to a fleet. */
ESPT_MUST_USE int cli_fleet_member(struct cli *cli, struct fleet_place *ret_place,
                                   struct espt_error *err);
/* Whether the store, which is not open yet, belongs to a fleet. Without [fleet] it is not looked
   at. */
ESPT_MUST_USE int cli_fleet_is_member(const struct cli *cli, bool *ret_member,
                                      struct espt_error *err);

#endif
