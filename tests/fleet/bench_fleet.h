/* SPDX-License-Identifier: ISC */
/* make bench-fleet: what a fleet costs, as ratios where two things can be compared, and as times
   where a target is a time. Each part adds its rows to the report (bench/bench.h). */
#ifndef TESTS_FLEET_BENCH_FLEET_H
#define TESTS_FLEET_BENCH_FLEET_H

#include "bench/bench.h"
#include "fleet/members.h"
#include "fleet/publisher.h"

/* Sites 0 and 1 and an edge over PostgreSQL, and a store that belongs to no fleet. */
#define BENCH_EDGE 2
#define BENCH_ALONE 3
struct bench_fleet {
    struct fleet_of fleet;
    const char *text; /* of the token acme/web */
};
void bench_fleet_begin(struct bench_fleet *ret);

/* Writing: creation, and bulk creation, through the journal and without; and how fast an edge and a
   site take up what was made in bulk. */
void bench_fleet_create(struct bench_fleet *bench);
void bench_fleet_bulk(struct bench_fleet *bench, size_t tokens);
/* From the end of a revoking command to the denial by a validator at an edge that follows. */
void bench_fleet_revoke(struct bench_fleet *bench);
/* From a change to 1,000 simulated edges and three real ones, over nginx. */
void bench_fleet_edges(struct bench_fleet *bench);
/* `fleet join --edge` over nginx, for stores of 100,000, 1,000,000, ... up to `tokens`. */
void bench_fleet_join(size_t tokens);
/* Part of that: the publisher makes its next snapshot. */
void bench_fleet_snapshot(const struct fleet_of *fleet, struct publisher *publisher, size_t tokens);
/* Instructions of a validation with max_age and without, counted by valgrind. */
void bench_fleet_instructions(struct bench_fleet *bench, const char *program);
/* What the counted program does. */
int bench_fleet_validate(const char *config, const char *text, unsigned long count);

/* A validator of a member, as a host has it. */
void bench_host_open(struct plugin *ret, const struct member *member);
/* Whether the host allows the token; any answer but allow and deny ends the run. */
bool bench_host_allows(struct plugin *host, const char *text);
/* Waits until it does, or does not. */
void bench_host_await(struct plugin *host, const char *text, bool allows);

#endif
