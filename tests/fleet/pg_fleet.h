/* SPDX-License-Identifier: ISC */
/* A fleet of sites over a pg journal, on the server of postgres.h. */
#ifndef TESTS_FLEET_PG_FLEET_H
#define TESTS_FLEET_PG_FLEET_H

#include "fleet/members.h"
#include "fleet/postgres.h"

struct pg_fleet {
    struct fleet_of fleet;
    const char *database;
    const char *ctl; /* the program of pg_fleet_command() */
};
/* Begins a fleet of `count` sites in a new database. The server runs. */
void pg_fleet_begin(struct pg_fleet *ret, int count);
/* Lets a site reach the server at that port. */
void pg_fleet_reach(struct pg_fleet *fleet, int site, int port);
/* In how many entries of the journal the name occurs. */
int pg_fleet_entries(const struct pg_fleet *fleet, const char *name);
/* Begins a command at a site, which may take a minute to write. It ends with the test. Its words
   have no spaces. */
pid_t pg_fleet_command(const struct pg_fleet *fleet, int site, const char *command);
/* Whether it has ended. */
bool pg_fleet_has_ended(pid_t command);
/* Waits for it. Returns the exit status, or 128 + signal. */
int pg_fleet_ended(pid_t command);
/* Asserts that what a command said by its status (0, 5 or 6) is true of the name that it adds. */
void pg_fleet_is_true(const struct pg_fleet *fleet, const char *name, int status);

#endif
