/* SPDX-License-Identifier: ISC */
/* Writing through the journal, compared with a store that is in no fleet; and how fast followers
   apply the entries. */
#include "fleet/bench_fleet.h"

#include "common/tier.h"
#include "fleet/follow.h"

#include <unistd.h>

#define CREATIONS 20 /* in a round */
#define CREATE_ROUNDS 15
#define BULK_ROUNDS 3
#define SINGLE 500 /* entries, created one by one, that the followers apply */
#define LIMIT_MS 60000

/* --- one creation, in this process --- */

struct creation {
    const struct member *member;
    unsigned made;
};

static double create(void *arg)
{
    struct creation *c = arg;
    struct config config;
    struct espt_error err;
    struct store *store;
    struct tier_table *tiers;
    struct fleet *fleet = NULL;
    if (config_load(&config, c->member->config, geteuid(), &err) != 0 ||
        store_open(&store, &config, &err) != 0 ||
        tier_table_load(&tiers, config.tiers, geteuid(), &err) != 0 ||
        (fleet_configured(&config) && fleet_new(&fleet, &config, LIMIT_MS, &err) != 0))
        die("%s", err.message);
    if (fleet != NULL)
        fleet_attach(fleet, store);
    int64_t begun = 0;
    for (int i = -1; i < CREATIONS; i++) { /* the first one connects to the database */
        struct token token;
        char name[32], text[TOKEN_TEXT_LEN + 1];
        if (i == 0)
            begun = clock_ns();
        snprintf(name, sizeof name, "made-%u", c->made++);
        const struct token_new wanted = {.entity = "acme", .name = name};
        if (store_token_create(store, tiers, &wanted, &token, text, &err) != 0)
            die("%s: %s", c->member->name, err.message);
    }
    const int64_t took = clock_ns() - begun;
    store_result_printed();
    tier_table_free(tiers);
    store_close(store);
    fleet_free(fleet);
    return (double)took / CREATIONS;
}

void bench_fleet_create(struct bench_fleet *bench)
{
    struct creation in_fleet = {.member = &bench->fleet.site[0]};
    struct creation alone = {.member = &bench->fleet.site[BENCH_ALONE]};
    struct series journal = {.run = create, .arg = &in_fleet};
    struct series local = {.run = create, .arg = &alone};
    progress("creations through the journal, and without");
    interleave((struct series *[]){&journal, &local}, 2, CREATE_ROUNDS);
    report_time("fleet_create", "one creation through the journal (PostgreSQL)", median(&journal));
    report_time("local_create", "one creation in a store alone", median(&local));
    report_figure("fleet_create", "a creation through the journal / in a store alone",
                  median(&journal) / median(&local), AT_MOST, 3);
}

/* --- followers, in this process --- */

/* Applies all that is new; nanoseconds. */
static double follow(const struct member *member, uint64_t *ret_entries)
{
    struct config config;
    struct espt_error err;
    struct store *store;
    struct fleet *fleet;
    struct follower follower;
    uint64_t entries;
    *ret_entries = 0;
    if (config_load(&config, member->config, geteuid(), &err) != 0 ||
        store_open(&store, &config, &err) != 0 || fleet_new(&fleet, &config, LIMIT_MS, &err) != 0)
        die("%s", err.message);
    fleet_attach(fleet, store);
    if (follower_begin(&follower, fleet, store, &err) != 0)
        die("%s", err.message);
    const int64_t begun = clock_ns();
    do {
        if (follower_step(&follower, &entries, &err) != 0)
            die("%s", err.message);
        *ret_entries += entries;
    } while (entries > 0);
    const int64_t took = clock_ns() - begun;
    follower_end(&follower);
    store_close(store);
    fleet_free(fleet);
    return (double)took;
}

/* --- in bulk --- */

static const char *names_file(size_t tokens, int round)
{
    static char path[512];
    snprintf(path, sizeof path, "%s", in_folder(temp_folder(), "names"));
    FILE *file = fopen(path, "we");
    for (size_t i = 0; file != NULL && i < tokens; i++)
        fprintf(file, "bulk-%d-%zu\n", round, i);
    if (file == NULL || fclose(file) != 0)
        die("%s: cannot be written", path);
    return path;
}

static double create_bulk(const struct member *member, const char *names)
{
    const int64_t begun = clock_ns();
    DONE(*member, "create", "acme", "--from", names);
    return (double)(clock_ns() - begun);
}

void bench_fleet_bulk(struct bench_fleet *bench, size_t tokens)
{
    const struct member *site = bench->fleet.site;
    struct series journal = {0}, local = {0}, edge = {0}, other = {0};
    uint64_t entries;
    for (int round = 0; round < BULK_ROUNDS; round++) {
        const char *names = names_file(tokens, round);
        progress("%zu tokens in bulk, round %d of %d", tokens, round + 1, BULK_ROUNDS);
        local.sample[local.count++] = create_bulk(&site[BENCH_ALONE], names);
        journal.sample[journal.count++] = create_bulk(&site[0], names);
        edge.sample[edge.count++] = follow(&site[BENCH_EDGE], &entries);
        other.sample[other.count++] = follow(&site[1], &entries);
    }
    const double count = (double)tokens;
    report_time("fleet_bulk", "one of many by create --from through the journal",
                median(&journal) / count);
    report_time("edge_bulk", "one of many taken up by an edge", median(&edge) / count);
    report_time("site_bulk", "one of many taken up by another site", median(&other) / count);
    report_figure("fleet_bulk", "bulk creation through the journal / in a store alone",
                  median(&journal) / median(&local), AT_MOST, 1.2);
    report_figure("fleet_follow", "tokens an edge takes up / made in bulk, each in a second",
                  median(&journal) / median(&edge), AT_LEAST, 10);
    for (int i = 0; i < SINGLE; i++)
        DONE(site[0], "edit", "acme/web", "--note", i % 2 ? "one" : "two");
    const double single = follow(&site[BENCH_EDGE], &entries) / SINGLE;
    if (entries != SINGLE)
        die("%llu entries instead of %d", (unsigned long long)entries, SINGLE);
    report_time("edge_entry", "one of 500 entries of one change, taken up by an edge", single);
}
