/* SPDX-License-Identifier: ISC */
/* tiers.ini: refused with FILE:LINE: and a remedy, or a table that satisfies every rule. */
#include "fuzz/fuzz.h"

#include "common/tier.h"

static void require_table(const struct tier_table *table)
{
    unsigned defaults = 0;
    MUST_HOLD(table->count >= 1 && table->count <= TIERS_MAX);
    for (size_t i = 0; i < table->count; i++) {
        const struct tier *tier = &table->tier[i];
        MUST_HOLD(tier_name_ok(tier->name, strlen(tier->name)));
        MUST_HOLD(text_ok(tier->label, strlen(tier->label)));
        MUST_HOLD(text_ok(tier->upgrade, strlen(tier->upgrade)));
        MUST_HOLD(tier->rank >= 1 && tier->rank <= 1000000 && tier->max_tokens <= 1000000);
        MUST_HOLD(i == 0 || table->tier[i - 1].rank < tier->rank);
        MUST_HOLD(tier_find(table, tier->name) == tier);
        defaults += tier->is_default;
        for (size_t p = 0; p < tier->patterns; p++) {
            const char *pattern = tier->pattern[p];
            size_t len = strlen(pattern);
            MUST_HOLD(len >= 1 && len <= METRIC_NAME_MAX + 2);
            if (pattern[len - 1] == '*')
                continue;
            for (size_t higher = i; higher < table->count; higher++)
                MUST_HOLD(tier_allows(table, &table->tier[higher], pattern, len));
        }
    }
    MUST_HOLD(defaults == 1 && tier_default(table) != NULL);
}

FUZZ(tiers)
{
    struct tier_table *table = NULL;
    struct espt_error err = {0};
    char *text = malloc(size + 1);
    MUST_HOLD(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (tier_table_parse(&table, "tiers.ini", text, size, &err) == 0) {
        require_table(table);
        tier_table_free(table);
    } else {
        MUST_HOLD(table == NULL && strncmp(err.message, "tiers.ini:", 10) == 0);
        MUST_HOLD(strtol(err.message + 10, NULL, 10) >= 1 && strchr(err.message, '\n') == NULL);
    }
    free(text);
    return 0;
}
