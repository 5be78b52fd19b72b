/* SPDX-License-Identifier: ISC */
/* The daemons of a fleet over PostgreSQL, which are killed at random while two sites write: a
   publisher, the follower of a site, and the followers of two edges, one over the database and one
   over the published files. */
#ifndef TESTS_FLEET_TORTURE_DAEMONS_H
#define TESTS_FLEET_TORTURE_DAEMONS_H

#include "fleet/members.h"

#define TORTURE_DAEMONS 4

/* Adds two edges to a fleet of two sites, and starts all daemons. They end with this process. */
void torture_daemons_begin(struct fleet_of *fleet);
/* Kills daemon `which` (0 to TORTURE_DAEMONS - 1), which must be running, and starts it again. */
void torture_daemons_kill(int which);
/* Waits until all members have the last entry. Asserts that the sites' records are the same, byte
   for byte, and that the edges have exactly the records for edges. */
void torture_daemons_same(const struct fleet_of *fleet);
/* Ends each daemon by SIGTERM; each must exit with status 0. */
void torture_daemons_end(void);

#endif
