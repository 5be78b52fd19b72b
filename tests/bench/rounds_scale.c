/* SPDX-License-Identifier: ISC */
/* The cost of a uniform look-up against the size of the store; and the cost of commands in the
   largest store. */
#include "bench/bench.h"

#define SMALLEST 10000
#define COUNT 30000

struct cost {
    double floor, validate; /* nanoseconds */
};

static struct cost measure(const char *below, size_t tokens, bool last, unsigned rounds)
{
    struct corpus corpus;
    struct plugin plugin;
    corpus_make(&corpus, below, tokens);
    struct floor *floor = floor_open(&corpus);
    plugin_open(&plugin, &corpus);
    struct lookups by_floor = {
        .corpus = &corpus, .count = COUNT, .fn = floor_validate, .arg = floor};
    struct lookups by_plugin = {
        .corpus = &corpus, .count = COUNT, .fn = plugin_validate, .arg = &plugin};
    struct series bare = {.run = lookups_run, .arg = &by_floor};
    struct series ours = {.run = lookups_run, .arg = &by_plugin};
    interleave((struct series *[]){&bare, &ours}, 2, rounds);
    plugin_close(&plugin);
    floor_close(floor);
    if (last)
        bench_whole(&corpus, below, rounds);
    corpus_remove(&corpus);
    const struct cost cost = {median(&bare), median(&ours)};
    report_cost("liblmdb floor", tokens, cost.floor);
    report_cost("validate", tokens, cost.validate);
    return cost;
}

void bench_scale(const char *below, size_t largest, unsigned rounds)
{
    struct cost small = {0}, cost = {0};
    for (size_t tokens = SMALLEST; tokens <= largest; tokens *= 10) {
        cost = measure(below, tokens, tokens * 10 > largest, rounds);
        if (tokens == SMALLEST)
            small = cost;
    }
    report_figure("growth", "growth of validate / growth of the floor, from 10,000 tokens",
                  (cost.validate / small.validate) / (cost.floor / small.floor), AT_MOST, 0.95);
}
