/* SPDX-License-Identifier: ISC */
/* What the daemons of a fleet, `fleet follow` and `fleet publish`, have in common. */
#ifndef ESPT_CLI_FLEET_DAEMON_H
#define ESPT_CLI_FLEET_DAEMON_H

#include "cli/cli.h"

#define DAEMON_ASK_MS 500   /* the journal is read at least once in this time */
#define DAEMON_CALM_MS 1000 /* after a failure */

struct fleet_daemon {
    struct cli *cli;
    char said[1024]; /* the failure that was reported last; empty: none since the last success */
};

/* Waits, unless a signal says to end. A signal ends the wait. */
void daemon_pause(int ms);
/* Reports the failure on standard error and to systemd. One that lasts is reported once. */
void daemon_failed(struct fleet_daemon *daemon, const struct espt_error *failure);
/* Returns whether a failure was reported since the last success. */
bool daemon_went_on(struct fleet_daemon *daemon);
/* Says the number of the last entry to systemd. */
void daemon_entry(uint64_t number);

#endif
