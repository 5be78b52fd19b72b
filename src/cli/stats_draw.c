/* The figures as a screen of 80 columns, with bars. */
#include "cli/stats.h"

#include <string.h>

#define BAR_MAX 16 /* columns */
#define SIDE 40    /* columns of the left one of two */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* In eighths of a column where the locale has the blocks; what is not nothing is seen. */
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

/* `most` 0: without a bar. The left one ends where the right one begins, whatever bytes a bar has.
 */
static void draw_line(const struct line *line, uint64_t most, bool left)
{
    char text[BAR_MAX * 3 + 8] = "";
    size_t columns = 0;
    if (most > 0)
        bar(line->value, most, text, sizeof text);
    for (const char *at = text; *at != '\0'; at++)
        columns += (*at & 0xC0) != 0x80;
    printf("%-10.10s %9llu%s%s", line->label, (unsigned long long)line->value,
           columns > 0 ? " " : "", text);
    if (left)
        printf("%*s", (int)(SIDE - 20 - columns - (columns > 0)), "");
}

static void draw_tiers(const struct stats *stats)
{
    uint64_t most = 0;
    for (size_t i = 0; i < stats->tier_count; i++)
        most = larger(most, stats_sum(stats->tiers[i].tokens));
    printf("%-20.20s %-*s", "Tokens by tier", SIDE - 21, "");
    for (size_t s = 0; s < STATS_STATUSES; s++)
        printf("%9s", stats_status_words[s]);
    putchar('\n');
    for (size_t i = 0; i < stats->tier_count; i++) {
        const struct stats_tier *tier = &stats->tiers[i];
        draw_line(&(struct line){tier->name, stats_sum(tier->tokens)}, most, true);
        for (size_t s = 0; s < STATS_STATUSES; s++)
            printf("%9llu", (unsigned long long)tier->tokens[s]);
        puts(tier->rank == 0 ? " (?)" : "");
    }
}

/* Bars for months and days alone: what is later or never would dwarf them. */
static void draw_times(const struct stats *stats)
{
    uint64_t most_left = 0, most_right = 0;
    _Static_assert(STATS_MONTHS == STATS_DAYS, "they are drawn side by side");
    for (size_t i = 0; i < STATS_MONTHS; i++) {
        most_left = larger(most_left, stats->expiring[i].tokens);
        most_right = larger(most_right, stats->used[i].tokens);
    }
    printf("\n%-*s%s\n", SIDE, "Tokens by expiry", "Tokens by last use");
    for (size_t i = 0; i < STATS_MONTHS; i++) {
        const struct stats_bucket *left = &stats->expiring[i], *right = &stats->used[i];
        draw_line(&(struct line){left->label, left->tokens}, most_left, true);
        draw_line(&(struct line){right->label, right->tokens}, most_right, false);
        putchar('\n');
    }
    draw_line(&(struct line){"later", stats->expiring_later}, 0, true);
    draw_line(&(struct line){"before", stats->used_before}, 0, false);
    putchar('\n');
    draw_line(&(struct line){"never", stats->expiring_never}, 0, true);
    draw_line(&(struct line){"never", stats->used_never}, 0, false);
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
