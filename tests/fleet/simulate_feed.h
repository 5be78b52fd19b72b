/* SPDX-License-Identifier: ISC */
/* The feed of a simulation: which entries each head carries, and which pieces it names. */
#ifndef TESTS_FLEET_SIMULATE_FEED_H
#define TESTS_FLEET_SIMULATE_FEED_H

#include "fleet/simulate.h"

struct sim_piece {
    uint64_t first, last;
    size_t len;
    size_t id; /* unique */
};
struct sim_head {
    int64_t at; /* milliseconds: when the origin gets it */
    uint64_t last, newest_first;
    size_t len;
    struct sim_piece *pieces;
    size_t piece_count;
};
struct sim_feed {
    struct sim_head *heads;
    size_t head_count;
    size_t pieces_made, merges; /* ids are below pieces_made */
    uint64_t begin;             /* number of the first entry within the simulated time */
};

/* The heads from time 0 to `until_ms`. */
void sim_feed_make(struct sim_feed *ret, const struct scenario *scenario, const struct sizes *sizes,
                   int64_t until_ms);
void sim_feed_free(struct sim_feed *feed);
/* The index of the newest head at that millisecond. */
size_t sim_feed_at(const struct sim_feed *feed, int64_t at);
/* The millisecond at which the entry was made. */
double sim_made_ms(const struct sim_feed *feed, const struct scenario *scenario, uint64_t number);

#endif
