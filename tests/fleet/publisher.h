/* SPDX-License-Identifier: ISC */
/* `fleet publish` of the first site of a fleet, as a process. */
#ifndef TESTS_FLEET_PUBLISHER_H
#define TESTS_FLEET_PUBLISHER_H

#include "fleet/members.h"

#include "fleet/feed_edge.h"

struct publisher {
    const struct fleet_of *fleet;
    const char *feed; /* the folder */
    char log[4096];   /* its standard error */
    struct fleet_trust trust;
    pid_t pid; /* 0: it does not run */
};
/* Names a new folder in the configuration of the first site. */
void publisher_prepare(struct publisher *ret, const struct fleet_of *fleet);
void publisher_start(struct publisher *publisher);
/* Returns the exit status, or 128 + signal. */
int publisher_end(struct publisher *publisher, int signal);
/* Waits until the feed has a head with that entry at least. */
void publisher_await(const struct publisher *publisher, uint64_t number);
/* The signed head in the feed. False: there is none, or no good one. */
bool publisher_head(const struct publisher *publisher, struct head *ret);
/* The process that makes a snapshot; 0: there is none. */
pid_t publisher_child(const struct publisher *publisher);
/* Waits until it makes no snapshot, and has none to make. */
void publisher_rest(const struct publisher *publisher);
/* The number of files in the folder p. */
size_t publisher_files(const struct publisher *publisher);
#define AWAIT UNTIL

#endif
