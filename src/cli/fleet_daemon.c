/* SPDX-License-Identifier: ISC */
#include "cli/fleet_daemon.h"

#include "cli/interrupt.h"
#include "portal/notify.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void daemon_pause(int ms)
{
    if (interrupt_number() == 0)
        nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

void daemon_failed(struct fleet_daemon *daemon, const struct espt_error *failure)
{
    if (strcmp(daemon->said, failure->message) == 0)
        return;
    snprintf(daemon->said, sizeof daemon->said, "%s", failure->message);
    cli_warn(daemon->cli, failure->message);
    notify_status(failure->message);
}

bool daemon_went_on(struct fleet_daemon *daemon)
{
    const bool failed = daemon->said[0] != '\0';
    daemon->said[0] = '\0';
    return failed;
}

void daemon_entry(uint64_t number)
{
    char text[64];
    snprintf(text, sizeof text, "entry %llu", (unsigned long long)number);
    notify_status(text);
}
