/* SPDX-License-Identifier: ISC */
/* The scenarios of docs/fleet-scale.md: a table in Markdown, and a drawing. */
#include "fleet/simulate.h"

#include "fleet/feed.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EDGES 100000
#define MIB (1UL << 20)

#define SCENARIO(changes_, head_ms_, caches_)                                          \
    .changes = (changes_), .edges = EDGES, .head_ms = (head_ms_), .caches = (caches_), \
    .recent = FEED_RECENT
static const struct scenario scenarios[] = {
    {"no change", SCENARIO(0.001, 1000, 1)},
    {"2", SCENARIO(2, 1000, 1)},
    {"100", SCENARIO(100, 1000, 1)},
    {"so, caches keep the head for 2 s", SCENARIO(100, 2000, 1)},
    {"so, for 0.25 s", SCENARIO(100, 250, 1)},
    {"so, 4 caches a region, each edge at its own", SCENARIO(100, 1000, 4)},
    {"so, each request at any of 4 caches", SCENARIO(100, 1000, 4), .spread = true},
    {"100, 300 MiB of entries in the feed", SCENARIO(100, 1000, 1), .kept = 300 * MIB},
    {"100, no caches", SCENARIO(100, 0, 1)},
    {.name = "100, if the newest pieces were merged too",
     .changes = 100,
     .edges = EDGES,
     .head_ms = 1000,
     .caches = 1},
};
#define DRAWN 2
#define SCENARIOS (sizeof scenarios / sizeof *scenarios)

static const char *drawing, *only; /* a part of a name; NULL: all */

static void print_row(const struct scenario *s, const struct result *r)
{
    printf("| %s | %.2f, %.2f, %.2f | %.0f k | %.2f, %.2f | %.0f | %.2f | %.0f | %.1f |\n", s->name,
           r->p50, r->p99, r->most, r->region.requests / 1e3, r->region.bytes * 8 / 1e9,
           r->region.most_bytes * 8 / 1e9, r->origin.requests, r->origin.bytes * 8 / 1e6,
           r->past_caches, r->edge_bytes / 1e3);
    fflush(stdout);
}

START_TEST(scale)
{
    struct sizes sizes;
    measure_sizes(&sizes);
    printf(
        "a change %.0f bytes, a head %.0f without pieces and entries; headers of HTTP: 200 %.0f, "
        "304 %.0f, request %.0f\n\n"
        "| changes a second | delay, s: p50, p99, most | requests/s of a region | its Gbit/s: "
        "mean, most | requests/s of the origin | its Mbit/s | of these past caches | kB/s of an "
        "edge |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
        sizes.entry, sizes.head, sizes.reply, sizes.not_changed, sizes.asks);
    for (size_t i = 0; i < SCENARIOS; i++) {
        struct result result;
        if (only != NULL && strstr(scenarios[i].name, only) == NULL)
            continue;
        simulate(&scenarios[i], &sizes, &result);
        print_row(&scenarios[i], &result);
        if (i == DRAWN)
            draw(drawing, &scenarios[i], &result);
    }
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3)
        return fputs("usage: simulate_fleet DRAWING.svg [PART OF A SCENARIO'S NAME]\n", stderr), 2;
    drawing = argv[1];
    only = argv[2];
    Suite *suite = suite_create("simulate_fleet");
    TCase *tcase = tcase_create("scale");
    tcase_set_timeout(tcase, 1800);
    tcase_add_test(tcase, scale);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
