/* The store in figures, counted in one walk over one snapshot. */
#ifndef ESPT_CLI_STATS_H
#define ESPT_CLI_STATS_H

#include "cli/output.h"

#define STATS_MONTHS 12 /* this one and those that follow */
#define STATS_DAYS 12   /* today and those before; in UTC */

enum stats_status { STATS_ACTIVE, STATS_INACTIVE, STATS_EXPIRED, STATS_RETIRING, STATS_STATUSES };
extern const char *const stats_status_words[STATS_STATUSES];

struct stats_tier {
    char name[TIER_NAME_MAX + 1];
    uint32_t rank; /* 0: it is not in the tier table */
    uint64_t tokens[STATS_STATUSES];
};

struct stats_bucket {
    char label[12]; /* 2026-11, or 2026-11-24 */
    uint64_t tokens;
};

struct stats {
    int64_t now;
    uint64_t revision;
    uint64_t entities[2][2]; /* resellers, customers; inactive, active */
    uint64_t over_limit;     /* entities; 0 where there is no tier table */
    uint64_t tokens[STATS_STATUSES];
    uint64_t uses;
    struct stats_tier *tiers; /* lowest rank first, then what is not in the table */
    size_t tier_count;
    struct stats_bucket expiring[STATS_MONTHS]; /* tokens that have not expired */
    uint64_t expiring_later, expiring_never;
    struct stats_bucket used[STATS_DAYS]; /* by the day of their last use, today first */
    uint64_t used_before, used_never;
    uint64_t expiring_within[3], used_within[3]; /* of stats_spans */
    int64_t next_expiry;                         /* Unix seconds; 0: none */
};
extern const int stats_spans[3]; /* days */

/* `tiers` may be NULL. The caller calls stats_clear(). */
ESPT_MUST_USE int stats_count(struct store *store, const struct tier_table *tiers, int64_t now,
                              struct stats *ret_stats, struct espt_error *err);
void stats_clear(struct stats *stats);

uint64_t stats_sum(const uint64_t tokens[static STATS_STATUSES]);

/* stats_draw.c: for a person, in 80 columns. */
void stats_draw(const struct stats *stats);

#endif
