/* SPDX-License-Identifier: ISC */
/* Computes the figures of `stats` in one walk over one snapshot. */
#include "cli/stats.h"

#include "common/when.h"

#include <stdlib.h>
#include <string.h>

#define DAY INT64_C(86400)

const int stats_spans[3] = {1, 7, 30};

struct counting {
    struct stats *stats;
    const struct tier_table *tiers;
    struct stats_tier *tier; /* tier of the current entity */
};

uint64_t stats_sum(const uint64_t tokens[static TOKEN_STATUSES])
{
    uint64_t sum = 0;
    for (size_t i = 0; i < TOKEN_STATUSES; i++)
        sum += tokens[i];
    return sum;
}

/* --- tiers --- */

static int add_tier(struct stats *stats, const char *name, uint32_t rank, struct espt_error *err)
{
    struct stats_tier *tiers =
        reallocarray(stats->tiers, stats->tier_count + 1, sizeof *stats->tiers);
    if (tiers == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    stats->tiers = tiers;
    struct stats_tier *tier = &tiers[stats->tier_count++];
    *tier = (struct stats_tier){.rank = rank};
    memcpy(tier->name, name, strnlen(name, sizeof tier->name - 1));
    return 0;
}

static int find_tier(struct counting *counting, const char *name, struct espt_error *err)
{
    struct stats *stats = counting->stats;
    size_t i = 0;
    while (i < stats->tier_count && strcmp(stats->tiers[i].name, name) != 0)
        i++;
    int code = i < stats->tier_count ? 0 : add_tier(stats, name, 0, err);
    if (code == 0)
        counting->tier = &stats->tiers[i];
    return code;
}

/* --- months and days --- */

/* Months since the year 0, in UTC. Does not use gmtime(), which counts leap seconds if $TZ names a
   zone that has them. */
static int64_t month_of(int64_t when)
{
    char text[WHEN_TEXT_SIZE], *rest;
    when_format(when, text);
    const int64_t year = strtol(text, &rest, 10);
    return year * 12 + strtol(rest + 1, NULL, 10) - 1;
}

static void label_buckets(struct stats *stats)
{
    for (int i = 0; i < STATS_MONTHS; i++) {
        const int64_t month = month_of(stats->now) + i;
        snprintf(stats->expiring[i].label, sizeof stats->expiring[i].label, "%04d-%02d",
                 (int)(month / 12 % 100000), (int)(month % 12 + 1));
    }
    for (int i = 0; i < STATS_DAYS; i++) {
        char text[WHEN_TEXT_SIZE];
        when_format(stats->now - i * DAY, text);
        snprintf(stats->used[i].label, sizeof stats->used[i].label, "%.10s", text);
    }
}

/* Leaves out retiring secrets, as list --expiring does: they were replaced already. */
static void count_expiry(struct stats *stats, const struct token *token)
{
    if (token->retiring)
        return;
    if (token->expires == 0) {
        stats->expiring_never++;
        return;
    }
    if (token->expires <= stats->now)
        return;
    const int64_t month = month_of(token->expires) - month_of(stats->now);
    if (month < STATS_MONTHS)
        stats->expiring[month].tokens++;
    else
        stats->expiring_later++;
    for (size_t i = 0; i < 3; i++)
        stats->expiring_within[i] += token->expires <= stats->now + stats_spans[i] * DAY;
    if (stats->next_expiry == 0 || token->expires < stats->next_expiry)
        stats->next_expiry = token->expires;
}

static void count_use(struct stats *stats, const struct token *token)
{
    stats->uses += token->uses;
    if (token->last_used == 0) {
        stats->used_never++;
        return;
    }
    /* a host's clock may be ahead of this one */
    const int64_t day =
        token->last_used < stats->now ? stats->now / DAY - token->last_used / DAY : 0;
    if (day < STATS_DAYS)
        stats->used[day].tokens++;
    else
        stats->used_before++;
    for (size_t i = 0; i < 3; i++)
        stats->used_within[i] += token->last_used > stats->now - stats_spans[i] * DAY;
}

/* --- the walk --- */

static int see(void *arg, const struct entity *entity, const struct token *token,
               struct espt_error *err)
{
    struct counting *counting = arg;
    struct stats *stats = counting->stats;
    if (token == NULL) {
        stats->entities[entity->kind == KIND_CUSTOMER][entity->active]++;
        stats->over_limit += over_limit(entity, counting->tiers);
        return find_tier(counting, entity->tier, err);
    }
    if (token->unread)
        return espt_fail(
            err, ESPT_UNUSABLE,
            "the usage files cannot be read; check the limit on open files and the kernel "
            "log (dmesg), and try again");
    const enum token_status status = token_status(token, stats->now);
    stats->tokens[status]++;
    counting->tier->tokens[status]++;
    count_expiry(stats, token);
    count_use(stats, token);
    return 0;
}

int stats_count(struct store *store, const struct tier_table *tiers, int64_t now,
                struct stats *ret_stats, struct espt_error *err)
{
    struct stats stats = {.now = now};
    struct counting counting = {.stats = &stats, .tiers = tiers};
    int code = 0;
    label_buckets(&stats);
    for (size_t i = 0; tiers != NULL && code == 0 && i < tiers->count; i++)
        code = add_tier(&stats, tiers->tier[i].name, tiers->tier[i].rank, err);
    if (code == 0)
        code = store_each(store, NULL, see, &counting, &stats.revision, err);
    if (code == 0)
        *ret_stats = stats;
    else
        stats_clear(&stats);
    return code;
}

void stats_clear(struct stats *stats)
{
    free(stats->tiers);
    stats->tiers = NULL;
}
