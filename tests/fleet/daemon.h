/* SPDX-License-Identifier: ISC */
/* A command of esp-tokenctl that runs until it is ended, as a process of its own. */
#ifndef TESTS_FLEET_DAEMON_H
#define TESTS_FLEET_DAEMON_H

#include "fleet/members.h"

#include <sys/types.h>
#include <time.h>

struct daemon_of {
    const struct member *member;
    char log[4096]; /* its standard error, over all runs; empty: it has not run */
    pid_t pid;      /* 0: it does not run */
};

/* Runs `fleet SECOND` of the member; `process` is zero before the first run. It ends with this
 * process at the latest. */
void daemon_start(struct daemon_of *process, const struct member *member, const char *second);
/* Sends the signal (0: none), and waits for the end. Returns the exit status, or 128 + signal. */
int daemon_end(struct daemon_of *process, int signal);
/* Whether it has said that; it must still run. */
bool daemon_says(const struct daemon_of *process, const char *words);
/* How often it has said that. */
int daemon_count(const struct daemon_of *process, const char *words);

#endif
