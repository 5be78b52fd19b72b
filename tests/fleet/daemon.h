/* SPDX-License-Identifier: ISC */
/* A daemon of a fleet (`fleet follow`, `fleet publish`) in a child process. */
#ifndef TESTS_FLEET_DAEMON_H
#define TESTS_FLEET_DAEMON_H

#include "fleet/members.h"

#include <sys/types.h>
#include <time.h>

struct daemon_of {
    const struct member *member;
    char log[4096]; /* path: its output of all runs; empty: it has not run */
    pid_t pid;      /* 0: it does not run */
};

/* Starts `fleet SECOND` for the member. `process` must be zeroed before the first start. The daemon
   ends with this process at the latest. */
void daemon_start(struct daemon_of *process, const struct member *member, const char *second);
/* Sends the signal (0: none), and waits for the end. Returns the exit status, or 128 + signal. */
int daemon_end(struct daemon_of *process, int signal);
/* Whether its log contains the words. Fails the test if it no longer runs. */
bool daemon_says(const struct daemon_of *process, const char *words);
/* How often its log contains the words. */
int daemon_count(const struct daemon_of *process, const char *words);

#endif
