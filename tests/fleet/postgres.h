/* SPDX-License-Identifier: ISC */
/* A PostgreSQL cluster of the test's own, on a free loopback port, that ends with the test. */
#ifndef TESTS_FLEET_POSTGRES_H
#define TESTS_FLEET_POSTGRES_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* False: PostgreSQL is not installed; that is printed. For main(). */
bool postgres_installed(void);
/* Starts a server before the tests of the case and ends it after them; `each`: for each of them. */
void postgres_fixture(TCase *tcase, bool each);
/* For fixtures that do more. False: PostgreSQL is not installed. */
bool postgres_start(void);
/* From now on a server works as PostgreSQL does by default, for a measurement. */
void postgres_measured(void);
/* Stops the server: SIGQUIT or SIGKILL for a crash, SIGINT for an end. It may be started again. */
void postgres_stop(int signal);
void postgres_again(void);
void postgres_until_ready(void); /* after a backend was killed */
int postgres_port(void);
/* The settings of a pg journal that connects to that port. `more` are further lines, or "". */
const char *postgres_settings(int port, const char *user, const char *database, const char *more);
/* The folder of everything; the cluster is `data` in it. */
const char *postgres_folder(void);
/* Runs a shell command there as the server's user, with the programs of PostgreSQL in PATH. */
void postgres_plain(const char *command);
/* The same, without waiting; it ends with the test. */
pid_t postgres_daemon(const char *command);
int postgres_free_port(void);
/* Starts the server, which was stopped, with another cluster of the folder. */
void postgres_use(const char *cluster);
/* Makes an empty database, and returns its name. */
const char *postgres_database(void);
/* Runs SQL as the superuser, and returns the output. */
const char *postgres_sql(const char *database, const char *sql);

/* Begins a psql that reads SQL from what the caller writes. */
FILE *postgres_session(const char *database);
/* Ends it, and returns what it has printed. */
const char *postgres_session_end(FILE *session);
/* Repeats a query until its value is not 0. */
void postgres_until(const char *database, const char *sql);

#endif
