/* SPDX-License-Identifier: ISC */
/*
 * make simulate-fleet: many edges behind caches, as a discrete-event simulation. The sizes of heads
 * and entries are measured from a real feed, and the rules of the feed are those of fleet/feed.h.
 *
 * Three regions, each with caches in front of one origin. The model has when each edge asks, how
 * old the head in its cache is, which pieces it needs, and what each of these costs in requests and
 * bytes. It has no queues: an overloaded server shows as load, not as delay.
 */
#ifndef TESTS_FLEET_SIMULATE_H
#define TESTS_FLEET_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGIONS 3

struct sizes {                       /* bytes, measured at a real feed */
    double entry, head;              /* one change; a head without pieces and entries */
    double reply, not_changed, asks; /* HTTP headers: of a 200, of a 304, of a request */
};

struct scenario {
    const char *name;
    double changes;   /* a second */
    size_t edges;     /* in all */
    unsigned head_ms; /* how long a cache keeps a head; 0: there are no caches */
    unsigned caches;  /* in a region */
    bool spread;      /* each request of an edge goes to any cache of its region */
    unsigned recent;  /* how many of the newest pieces are never merged: the others are, once more
                         than FEED_PIECES are unmerged; 0: all are, once they are more than that */
    uint64_t kept;    /* bytes of pieces that the feed has at time 0 */
};

struct load { /* per second, averaged over the measured time */
    double requests, bytes;
    double most_bytes; /* in the busiest second */
};
struct result {
    struct load region;           /* what the caches of one region answer */
    struct load origin;           /* what the origin answers */
    double edge_bytes;            /* per edge and second */
    double past_caches;           /* requests per second that bypass the caches */
    double p50, p99, most;        /* seconds from a change until an edge has it */
    double heads, pieces, merges; /* per second */
};

/* Round-trip times in milliseconds: from a region's caches to the origin, and from an edge to its
   cache. */
#define ORIGIN_MS(region) ((const unsigned[REGIONS]){20, 80, 160}[region])
#define EDGE_MS 20
#define PUBLISH_MS 75 /* between heads while there are changes */
#define SECONDS 60

void simulate(const struct scenario *scenario, const struct sizes *sizes, struct result *ret);
/* Measures the sizes at a real feed over a real nginx. */
void measure_sizes(struct sizes *ret);
/* Writes the drawing of the three regions and their traffic to `path`, as SVG. */
void draw(const char *path, const struct scenario *scenario, const struct result *result);

#endif
