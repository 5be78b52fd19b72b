/* SPDX-License-Identifier: ISC */
#include "decide.h"

#include "common/when.h"

#include <stdio.h>

static int32_t finish_metric(espt_result *result, const espt_query *query, const char *tier)
{
    if (!metric_name_ok(query->metric, query->metric_len))
        return result_finish(result, ESPT_DENY_METRIC, "not a metric name");
    snprintf(result->detail, sizeof result->detail, "tier %s does not show %.*s", tier,
             (int)(query->metric_len < 100 ? query->metric_len : 100), query->metric);
    return ESPT_DENY_METRIC;
}

int32_t decide(const struct facts *facts, const struct tier_table *table, espt_result *result)
{
    const espt_query *query = facts->query;
    const struct auth_record *auth = &facts->auth;
    const struct tier *tier = tier_find(table, auth->tier);
    const int64_t now = query->now != 0 ? query->now : facts->clock;
    result->expires = auth->expires;
    result->kind = (uint32_t)auth->kind;
    result->tier_rank = tier != NULL ? (int32_t)tier->rank : 0;
    result_copy(result->entity, auth->entity_name);
    result_copy(result->tier, auth->tier);
    if (auth->reseller != 0)
        result_copy(result->reseller, facts->reseller.name);

    if (!auth->active)
        return result_finish(result, ESPT_DENY_INACTIVE, "the token is switched off");
    if (auth->expires != 0 && now >= auth->expires) {
        char when[WHEN_TEXT_SIZE];
        when_format(auth->expires, when);
        snprintf(result->detail, sizeof result->detail, "expired at %s", when);
        return ESPT_DENY_EXPIRED;
    }
    if (!auth->entity_active)
        return result_finish(result, ESPT_DENY_SUSPENDED, "the entity is inactive");
    if (auth->reseller != 0 && !facts->reseller.active)
        return result_finish(result, ESPT_DENY_SUSPENDED, "the entity's reseller is inactive");
    if (tier == NULL)
        return result_finish(result, ESPT_DENY_TIER, "the entity's tier is not in the tier table");
    if (!facts->may_read)
        return result_finish(result, ESPT_DENY_ENTITY,
                             "the requested data does not belong to this entity");
    if (query->metric != NULL && !tier_allows(table, tier, query->metric, query->metric_len))
        return finish_metric(result, query, auth->tier);
    return result_finish(result, ESPT_ALLOW, "allowed");
}
