/* SPDX-License-Identifier: ISC */
/* Text output of entities and tokens as fields, one a line. */
#include "cli/output.h"

#include "common/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool over_limit(const struct entity *entity, const struct tier_table *tiers)
{
    const struct tier *tier = tier_of(entity, tiers);
    return tier != NULL && tier->max_tokens != TIER_UNLIMITED && entity->tokens > tier->max_tokens;
}

void limit_text(const struct entity *entity, const struct tier_table *tiers, char *out, size_t size)
{
    const struct tier *tier = tier_of(entity, tiers);
    if (tier == NULL)
        snprintf(out, size, "%u", entity->tokens);
    else if (tier->max_tokens == TIER_UNLIMITED)
        snprintf(out, size, "%u/unlimited", entity->tokens);
    else
        snprintf(out, size, "%u/%u%s", entity->tokens, tier->max_tokens,
                 over_limit(entity, tiers) ? " over the limit" : "");
}

/* --- fields --- */

static void print_field(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%-9s %s\n", name, value);
}

/* Prints the full time; at a terminal also the distance from now. */
static void print_time(FILE *out, const char *name, int64_t when, int64_t now)
{
    char text[WHEN_TEXT_SIZE] = "never", away[WHEN_AWAY_SIZE];
    if (when != WHEN_NEVER)
        when_format(when, text);
    fprintf(out, "%-9s %s", name, text);
    if (when != WHEN_NEVER && at_terminal(out) && when_away(when, now, away))
        fprintf(out, " (%s)", away);
    fputc('\n', out);
}

static void print_status(FILE *out, const char *word, enum colour colour)
{
    fprintf(out, "%-9s %s%s%s\n", "status", colour_begin(out, colour), word, colour_end(out));
}

static void print_off_by(FILE *out, enum off_by off_by)
{
    static const char *const words[] = {[OFF_ENTITY] = "the entity itself",
                                        [OFF_RESELLER] = "its reseller",
                                        [OFF_PLATFORM] = "the platform"};
    if (off_by != OFF_NOBODY)
        print_field(out, "off by", words[off_by]);
}

void print_token(FILE *out, const struct token *token, const char *text, int64_t now)
{
    char id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    print_field(out, "id", id);
    print_field(out, "name", token->name);
    print_field(out, "entity", token->entity);
    const enum token_status status = token_status(token, now);
    print_status(out, token_status_seen(token, now), token_status_colour(status));
    print_off_by(out, token->off_by);
    if (token->note[0] != '\0')
        print_field(out, "note", token->note);
    print_time(out, "created", token->created, now);
    print_time(out, "expires", token->expires, now);
    if (token->counted) {
        char uses[24];
        snprintf(uses, sizeof uses, "%llu", (unsigned long long)token->uses);
        print_time(out, "last used", token->last_used, now);
        print_field(out, "uses", uses);
    }
    if (token->foreign)
        print_field(out, "text", "of another system: it cannot be shown");
    if (text != NULL)
        print_field(out, "token", text);
}

void print_new_token(const struct token *token, const char *text, int64_t now)
{
    char id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    print_token(stdout, token, text, now);
    printf("\nTo see the text again, run: esp-tokenctl show %s --reveal\n", id);
}

void print_entity(FILE *out, const struct entity *entity, const struct tier_table *tiers)
{
    char limit[64];
    limit_text(entity, tiers, limit, sizeof limit);
    const bool unknown = tiers != NULL && tier_of(entity, tiers) == NULL;
    print_field(out, "name", entity->name);
    print_field(out, "kind", kind_word(entity->kind));
    print_field(out, "reseller", entity->reseller[0] != '\0' ? entity->reseller : "-");
    fprintf(out, "%-9s %s%s\n", "tier", entity->tier, unknown ? " (not in the tier table)" : "");
    print_status(out, status_word(entity->active), status_colour(entity->active));
    print_off_by(out, entity->off_by);
    print_time(out, "created", entity->created, time(NULL));
    print_field(out, "tokens", limit);
    if (entity->contact[0] != '\0')
        print_field(out, "contact", entity->contact);
}
