/* SPDX-License-Identifier: ISC */
/* The figures of `stats`, counted in one walk over one snapshot. */
#ifndef ESPT_CLI_STATS_H
#define ESPT_CLI_STATS_H

#include "cli/output.h"

#define STATS_MONTHS 12 /* this month and the next ones */
#define STATS_DAYS 12   /* today and the days before, in UTC */

struct stats_tier {
    char name[TIER_NAME_MAX + 1];
    uint32_t rank; /* 0: the tier table lacks it */
    uint64_t tokens[TOKEN_STATUSES];
};

struct stats_bucket {
    char label[12]; /* 2026-11, or 2026-11-24 */
    uint64_t tokens;
};

struct stats {
    int64_t now;
    uint64_t revision;
    uint64_t entities[2][2]; /* [reseller, customer][inactive, active] */
    uint64_t over_limit;     /* entities over their limit; 0 without a tier table */
    uint64_t tokens[TOKEN_STATUSES];
    uint64_t uses;
    struct stats_tier *tiers; /* lowest rank first, then those that the table lacks */
    size_t tier_count;
    struct stats_bucket
        expiring[STATS_MONTHS]; /* tokens that have not expired, without retiring ones */
    uint64_t expiring_later, expiring_never;
    struct stats_bucket used[STATS_DAYS]; /* tokens by the day of their last use, today first */
    uint64_t used_before, used_never;
    uint64_t expiring_within[3], used_within[3]; /* for each span of stats_spans */
    int64_t next_expiry;                         /* Unix seconds; 0: none */
};
extern const int stats_spans[3]; /* days */

/* Counts. `tiers` may be NULL. The caller calls stats_clear(). */
ESPT_MUST_USE int stats_count(struct store *store, const struct tier_table *tiers, int64_t now,
                              struct stats *ret_stats, struct espt_error *err);
void stats_clear(struct stats *stats);

uint64_t stats_sum(const uint64_t tokens[static TOKEN_STATUSES]);

/* stats_draw.c: prints the figures as text of 80 columns. */
void stats_draw(const struct stats *stats);

#endif
