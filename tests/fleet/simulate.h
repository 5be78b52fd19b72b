/* SPDX-License-Identifier: ISC */
/*
 * make simulate-fleet: many edges behind caches, as a discrete-event simulation. The sizes of heads
 * and entries are measured from a real feed, and the rules of the feed are those of fleet/feed.h.
 *
 * Three regions, each with caches in front of one origin. What is modelled: when each edge asks,
 * how old the head in its cache is, which pieces it needs, and what each of these costs in requests
 * and bytes. What is not: queues. So a load above what a server can do shows as a load, not as a
 * delay.
 */
#ifndef TESTS_FLEET_SIMULATE_H
#define TESTS_FLEET_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGIONS 3

struct sizes {                       /* bytes, of a real feed */
    double entry, head;              /* of one change; of a head without pieces and entries */
    double reply, not_changed, asks; /* headers of HTTP: of 200, of 304, of a request */
};

struct scenario {
    const char *name;
    double changes;   /* a second */
    size_t edges;     /* in all */
    unsigned head_ms; /* a cache keeps a head so long; 0: there are no caches */
    unsigned caches;  /* in a region */
    bool spread;      /* each request of an edge goes to any cache of its region */
    unsigned recent;  /* so many of the newest pieces are never merged, and new pieces are the
                         reason to merge; 0: at more than FEED_PIECES all are merged */
    uint64_t kept;    /* bytes of pieces that the feed has when the time begins */
};

struct load { /* a second, on average over the simulated time */
    double requests, bytes;
    double most_bytes; /* in the busiest second */
};
struct result {
    struct load region;           /* what the caches of one region answer */
    struct load origin;           /* what the origin answers */
    double edge_bytes;            /* of one edge, a second */
    double past_caches;           /* requests a second to the origin, past the caches */
    double p50, p99, most;        /* seconds from a change to an edge */
    double heads, pieces, merges; /* a second */
};

/* How long it takes from here to there and back, milliseconds. */
#define ORIGIN_MS(region) ((const unsigned[REGIONS]){20, 80, 160}[region])
#define EDGE_MS 20
#define PUBLISH_MS 75 /* from one head to the next while there are changes */
#define SECONDS 60

void simulate(const struct scenario *scenario, const struct sizes *sizes, struct result *ret);
/* The sizes of a real feed over a real nginx. */
void measure_sizes(struct sizes *ret);
/* Three regions with their traffic. */
void draw(const char *path, const struct scenario *scenario, const struct result *result);

#endif
