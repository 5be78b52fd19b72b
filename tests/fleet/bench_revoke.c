/* SPDX-License-Identifier: ISC */
/* The delay of a revocation over PostgreSQL: a command revokes at a site, and a validator denies at
   an edge, which the real `fleet follow` keeps. */
#include "fleet/bench_fleet.h"

#include "fleet/daemon.h"

#include <signal.h>

#define REVOCATIONS 41

static int by_value(const void *one, const void *other)
{
    const double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

void bench_fleet_revoke(struct bench_fleet *bench)
{
    static struct daemon_of follower;
    struct plugin host;
    double delay[REVOCATIONS];
    const struct member *edge = &bench->fleet.site[BENCH_EDGE];
    progress("%d revocations over PostgreSQL", REVOCATIONS);
    daemon_start(&follower, edge, "follow");
    UNTIL(daemon_says(&follower, "following from entry"));
    bench_host_open(&host, edge);
    for (int i = 0; i < REVOCATIONS; i++) {
        DONE(bench->fleet.site[0], "edit", "acme/web", "--status", "active");
        bench_host_await(&host, bench->text, true);
        DONE(bench->fleet.site[i % 2], "edit", "acme/web", "--status", "inactive");
        const int64_t returned = clock_ns();
        bench_host_await(&host, bench->text, false);
        delay[i] = (double)(clock_ns() - returned);
    }
    plugin_close(&host);
    daemon_end(&follower, SIGTERM);
    DONE(bench->fleet.site[0], "edit", "acme/web", "--status", "active");
    qsort(delay, REVOCATIONS, sizeof *delay, by_value);
    report_figure("revoke_ms", "milliseconds from a revocation to the denial at an edge, median",
                  delay[REVOCATIONS / 2] / 1e6, AT_MOST, 10);
    report_figure("revoke_most_ms", "the same, the longest", delay[REVOCATIONS - 1] / 1e6,
                  BOUND_NONE, 0);
}
