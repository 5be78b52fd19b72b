/* SPDX-License-Identifier: ISC */
/* The figures as a screen of 80 columns, with bars. */
#include "cli/stats.h"

#include <string.h>

#define LABEL_MAX 10
#define BAR_MAX 14    /* columns */
#define SIDE 40       /* columns of the left half */
#define TIERS_SIDE 35 /* columns before a tier's statuses */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Draws a bar in eighths of a column if the locale has the block characters. A value above 0 is
   always visible. */
static void bar(uint64_t value, uint64_t most, char *out, size_t size)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const bool blocks = in_utf8();
    const double share = most > 0 ? (double)value / (double)most : 0;
    size_t parts = (size_t)(share * BAR_MAX * 8 + 0.5), used = 0;
    if (value > 0 && parts == 0)
        parts = 1;
    if (!blocks)
        parts = (parts + 7) / 8 * 8;
    out[0] = '\0';
    for (; parts >= 8 && used + 4 < size; parts -= 8)
        used += (size_t)snprintf(out + used, size - used, "%s", blocks ? "█" : "#");
    snprintf(out + used, size - used, "%s", eighths[parts % 8]);
}

struct line {
    const char *label;
    uint64_t value;
};

/* Draws a line. `most` 0: without a bar. The left side is padded to `side` columns, whatever the
   number of bytes in the bar. */
static void draw_line(const struct line *line, uint64_t most, size_t side)
{
    char text[BAR_MAX * 3 + 8] = "";
    if (most > 0)
        bar(line->value, most, text, sizeof text);
    const size_t columns = text_columns(text);
    printf("%-10.10s %9llu%s%s", line->label, (unsigned long long)line->value,
           columns > 0 ? " " : "", text);
    if (side > 0)
        printf("%*s", (int)(side - 20 - columns - (columns > 0)), "");
}

/* At most 9 digits fit; `suspended` needs a column more than that. */
static int width_of(enum token_status status)
{
    return status == TOKEN_SUSPENDED ? 10 : status == TOKEN_EXPIRED ? 8 : 9;
}

/* A question mark follows the name of a tier that the tier table lacks. */
static void draw_tiers(const struct stats *stats)
{
    uint64_t most = 0;
    for (size_t i = 0; i < stats->tier_count; i++)
        most = larger(most, stats_sum(stats->tiers[i].tokens));
    printf("%s%-*s", colour_begin(stdout, COLOUR_BOLD), TIERS_SIDE, "Tokens by tier");
    for (enum token_status s = 0; s < TOKEN_STATUSES; s++)
        printf("%*s", width_of(s), token_status_word(s));
    printf("%s\n", colour_end(stdout));
    for (size_t i = 0; i < stats->tier_count; i++) {
        const struct stats_tier *tier = &stats->tiers[i];
        char label[LABEL_MAX + 1];
        snprintf(label, sizeof label, "%.*s%s", LABEL_MAX - (tier->rank == 0), tier->name,
                 tier->rank == 0 ? "?" : "");
        draw_line(&(struct line){label, stats_sum(tier->tokens)}, most, TIERS_SIDE);
        for (enum token_status s = 0; s < TOKEN_STATUSES; s++)
            printf("%*llu", width_of(s), (unsigned long long)tier->tokens[s]);
        putchar('\n');
    }
}

/* Only months and days have bars: the counts of `later` and `never` would dwarf them. */
static void draw_times(const struct stats *stats)
{
    uint64_t most_left = 0, most_right = 0;
    _Static_assert(STATS_MONTHS == STATS_DAYS, "they are drawn side by side");
    for (size_t i = 0; i < STATS_MONTHS; i++) {
        most_left = larger(most_left, stats->expiring[i].tokens);
        most_right = larger(most_right, stats->used[i].tokens);
    }
    printf("\n%s%-*s%s%s\n", colour_begin(stdout, COLOUR_BOLD), SIDE, "Tokens by expiry",
           "Tokens by last use", colour_end(stdout));
    for (size_t i = 0; i < STATS_MONTHS; i++) {
        const struct stats_bucket *left = &stats->expiring[i], *right = &stats->used[i];
        draw_line(&(struct line){left->label, left->tokens}, most_left, SIDE);
        draw_line(&(struct line){right->label, right->tokens}, most_right, 0);
        putchar('\n');
    }
    draw_line(&(struct line){"later", stats->expiring_later}, 0, SIDE);
    draw_line(&(struct line){"before", stats->used_before}, 0, 0);
    putchar('\n');
    draw_line(&(struct line){"never", stats->expiring_never}, 0, SIDE);
    draw_line(&(struct line){"never", stats->used_never}, 0, 0);
    putchar('\n');
}

void stats_draw(const struct stats *stats)
{
    const uint64_t resellers = stats->entities[0][0] + stats->entities[0][1];
    const uint64_t customers = stats->entities[1][0] + stats->entities[1][1];
    const uint64_t inactive = stats->entities[0][0] + stats->entities[1][0];
    const uint64_t tokens = stats_sum(stats->tokens);
    printf("%llu reseller%s and %llu customer%s (%llu inactive, %llu over the limit), %llu "
           "token%s\n\n",
           (unsigned long long)resellers, resellers == 1 ? "" : "s", (unsigned long long)customers,
           customers == 1 ? "" : "s", (unsigned long long)inactive,
           (unsigned long long)stats->over_limit, (unsigned long long)tokens,
           tokens == 1 ? "" : "s");
    draw_tiers(stats);
    draw_times(stats);
}
