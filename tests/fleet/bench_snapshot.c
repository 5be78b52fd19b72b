/* SPDX-License-Identifier: ISC */
/* How long the publisher takes for a snapshot, and for changes meanwhile. */
#include "fleet/bench_fleet.h"

#include <signal.h>
#include <unistd.h>

/* The time from the end of the command until the feed has its entry. */
static double publish_one(const struct fleet_of *fleet, const struct publisher *publisher,
                          struct head *head, int round)
{
    char contact[32];
    snprintf(contact, sizeof contact, "%d@example.com", round);
    const uint64_t before = head->number;
    DONE(fleet->site[0], "entity", "edit", "bench", "--contact", contact);
    const int64_t begun = clock_ns();
    while (!publisher_head(publisher, head) || head->number <= before)
        usleep(5000);
    return (double)(clock_ns() - begun) / 1e9;
}

void bench_fleet_snapshot(const struct fleet_of *fleet, struct publisher *publisher, size_t tokens)
{
    struct head head;
    char key[40];
    double worst = 0;
    DONE(fleet->site[0], "entity", "add", "bench", "--kind", "customer", "--tier", "advanced");
    publisher_end(publisher, SIGTERM);
    unlink(in_folder(fleet->journal, "head")); /* forces it to make a snapshot */
    if (!publisher_head(publisher, &head))
        die("there is no feed");
    const uint64_t snapshot = head.snapshot.number;
    publisher_start(publisher);
    const int64_t begun = clock_ns();
    for (int round = 0; head.snapshot.number == snapshot; round++) {
        const double took = publish_one(fleet, publisher, &head, round);
        worst = took > worst ? took : worst;
    }
    const double seconds = (double)(clock_ns() - begun) / 1e9;
    progress("a snapshot in %.1f s; changes meanwhile were published within %.2f s", seconds,
             worst);
    snprintf(key, sizeof key, "snapshot_%zu_s", tokens);
    report_figure(key, "seconds of a snapshot for sites and edges", seconds, BOUND_NONE, 0);
    snprintf(key, sizeof key, "snapshot_%zu_publish_s", tokens);
    report_figure(key, "longest time from a change to the feed meanwhile", worst, AT_MOST, 2);
}
