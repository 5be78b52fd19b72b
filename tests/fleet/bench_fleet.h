/* SPDX-License-Identifier: ISC */
/* make bench-fleet: what a fleet costs. Figures are ratios where two things can be compared, and
   times where the target is a time. Each part adds its rows to the report (bench/bench.h). */
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

/* Creation and bulk creation, with and without the journal; and how fast an edge and a site apply
   what was created in bulk. */
void bench_fleet_create(struct bench_fleet *bench);
void bench_fleet_bulk(struct bench_fleet *bench, size_t tokens);
/* The time from the end of a revoking command until a validator at a following edge denies. */
void bench_fleet_revoke(struct bench_fleet *bench);
/* The time until a change reaches 1,000 simulated edges and three real ones, over nginx. */
void bench_fleet_edges(struct bench_fleet *bench);
/* `fleet join --edge` over nginx, for stores of 100,000, 1,000,000, ... up to `tokens`. */
void bench_fleet_join(size_t tokens);
/* Called by bench_fleet_join(): how long the publisher takes to make its next snapshot. */
void bench_fleet_snapshot(const struct fleet_of *fleet, struct publisher *publisher, size_t tokens);
/* Instructions of a validation with max_age and without, counted by valgrind. */
void bench_fleet_instructions(struct bench_fleet *bench, const char *program);
/* The program whose instructions are counted: validates `count` times. Returns its exit status. */
int bench_fleet_validate(const char *config, const char *text, unsigned long count);

/* A validator of a member, as a host has it. */
void bench_host_open(struct plugin *ret, const struct member *member);
/* Whether the host allows the token; any answer but allow and deny ends the run. */
bool bench_host_allows(struct plugin *host, const char *text);
/* Waits until the host allows the token (`allows`), or denies it. */
void bench_host_await(struct plugin *host, const char *text, bool allows);

#endif
