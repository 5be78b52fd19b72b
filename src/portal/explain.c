/* SPDX-License-Identifier: ISC */
#include "portal/explain.h"

#include "common/token.h"
#include "common/when.h"
#include "shapes/shapes.h"
#include "shapes/words.h"

#include <stdio.h>
#include <string.h>

#define DETAIL_SIZE 320

struct question {
    const struct token *token;
    const struct entity *entity;
    const struct tier_table *tiers;
    const struct tier *tier; /* NULL: the table lacks it */
    const char *metric;
    int64_t now;
};

/* Each check says whether it passes, and why. */
typedef bool check_fn(const struct question *q, char out[static DETAIL_SIZE]);

static bool check_inactive(const struct question *q, char out[static DETAIL_SIZE])
{
    snprintf(out, DETAIL_SIZE, "the token is %s", q->token->active ? "active" : "switched off");
    return q->token->active;
}

static bool check_expired(const struct question *q, char out[static DETAIL_SIZE])
{
    char when[WHEN_TEXT_SIZE];
    const bool passes = q->token->expires == 0 || q->now < q->token->expires;
    when_format(q->token->expires, when);
    if (q->token->expires == 0)
        snprintf(out, DETAIL_SIZE, "it never expires");
    else
        snprintf(out, DETAIL_SIZE, "it %s at %s", passes ? "expires" : "expired", when);
    return passes;
}

static bool check_suspended(const struct question *q, char out[static DETAIL_SIZE])
{
    const struct entity *entity = q->entity;
    if (!entity->active)
        snprintf(out, DETAIL_SIZE, "%s %s is suspended", kind_word(entity->kind), entity->name);
    else if (entity->reseller_inactive)
        snprintf(out, DETAIL_SIZE, "its reseller %s is suspended", entity->reseller);
    else if (entity->reseller[0] != '\0')
        snprintf(out, DETAIL_SIZE, "customer %s and its reseller %s are active", entity->name,
                 entity->reseller);
    else
        snprintf(out, DETAIL_SIZE, "%s %s is active", kind_word(entity->kind), entity->name);
    return !entity_suspends(entity);
}

static bool check_tier(const struct question *q, char out[static DETAIL_SIZE])
{
    snprintf(out, DETAIL_SIZE, "tier %s is %sin the tier table", q->entity->tier,
             q->tier != NULL ? "" : "not ");
    return q->tier != NULL;
}

static bool shows(const struct question *q, const struct tier *tier)
{
    return tier != NULL && tier_allows(q->tiers, tier, q->metric, strlen(q->metric));
}

/* The lowest tier above the token's own that shows the metric. NULL: none does. */
static const struct tier *tier_above(const struct question *q)
{
    for (size_t i = 0; i < q->tiers->count; i++) {
        const struct tier *tier = &q->tiers->tier[i];
        if ((q->tier == NULL || tier->rank > q->tier->rank) && shows(q, tier))
            return tier;
    }
    return NULL;
}

static bool check_metric(const struct question *q, char out[static DETAIL_SIZE])
{
    const bool passes = shows(q, q->tier);
    const struct tier *up = passes ? NULL : tier_above(q);
    snprintf(out, DETAIL_SIZE, "tier %s %s %s%s%s%s",
             q->tier != NULL ? q->tier->label : q->entity->tier, passes ? "shows" : "does not show",
             q->metric, up != NULL ? "; tier " : "", up != NULL ? up->label : "",
             up != NULL ? " does" : "");
    return passes;
}

static const struct {
    const char *name;
    check_fn *check;
} checks[] = {
    {"inactive", check_inactive}, {"expired", check_expired}, {"suspended", check_suspended},
    {"tier", check_tier},         {"metric", check_metric},
};
#define CHECKS (sizeof checks / sizeof *checks)

json_t *explain_token(const struct token *token, const struct entity *entity,
                      const struct tier_table *tiers, const char *metric, int64_t now)
{
    const struct question q = {token, entity, tiers, tier_of(entity, tiers), metric, now};
    char id[TOKEN_ID_LEN + 1], detail[DETAIL_SIZE], why[DETAIL_SIZE] = "";
    const char *reason = "allow";
    json_t *list = json_array();
    for (size_t i = 0; i < CHECKS; i++) {
        const bool passes = checks[i].check(&q, detail);
        const bool reached = why[0] == '\0';
        if (reached && !passes) {
            reason = checks[i].name;
            memcpy(why, detail, sizeof why);
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "check", checks[i].name, "outcome",
                                              !reached ? "not reached"
                                              : passes ? "pass"
                                                       : "fail",
                                              "detail", detail));
    }
    const struct tier *up = shows(&q, q.tier) ? NULL : tier_above(&q);
    token_id_format(token->id, id);
    return json_pack("{s:b, s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "allowed",
                     why[0] == '\0', "reason", reason, "detail", json_text_or_null(why), "token_id",
                     id, "entity", entity->name, "tier", entity->tier, "metric", metric, "up",
                     up != NULL ? json_string(up->label) : json_null(), "upgrade",
                     q.tier != NULL ? json_text_or_null(q.tier->upgrade) : json_null(), "checks",
                     list);
}
