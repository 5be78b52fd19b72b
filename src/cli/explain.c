/* SPDX-License-Identifier: ISC */
/* verify --explain: the checks of a presented text, found by further queries to the plugin. */
#include "cli/explain.h"

#include "common/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static enum outcome outcome_of(int check, int32_t verdict)
{
    if (verdict == ESPT_ALLOW || (verdict > check && verdict <= ESPT_DENY_METRIC))
        return CHECK_PASS;
    return verdict == check ? CHECK_FAIL : CHECK_NOT_REACHED;
}

/* --- why a check passed --- */

static void describe_expiration(const espt_query *query, const espt_result *result, char *out)
{
    char expires[WHEN_TEXT_SIZE], now[WHEN_TEXT_SIZE];
    if (result->expires == WHEN_NEVER) {
        snprintf(out, CHECK_DETAIL_SIZE, "it never expires");
        return;
    }
    when_format(result->expires, expires);
    when_format(query->now != 0 ? query->now : time(NULL), now);
    snprintf(out, CHECK_DETAIL_SIZE, "it expires at %s, which is after %s", expires, now);
}

static void describe_status(const espt_result *result, char *out)
{
    if (result->reseller[0] != '\0')
        snprintf(out, CHECK_DETAIL_SIZE, "customer %s and its reseller %s are active",
                 result->entity, result->reseller);
    else
        snprintf(out, CHECK_DETAIL_SIZE, "%s %s is active",
                 kind_word((enum entity_kind)result->kind), result->entity);
}

void check_describe_pass(int check, const espt_query *query, const espt_result *result, char *out)
{
    switch (check) {
    case ESPT_DENY_MALFORMED:
        snprintf(out, CHECK_DETAIL_SIZE, "well-formed, of token %s", result->token_id);
        break;
    case ESPT_DENY_UNKNOWN:
        snprintf(out, CHECK_DETAIL_SIZE, "the store holds it, with this secret");
        break;
    case ESPT_DENY_INACTIVE:
        snprintf(out, CHECK_DETAIL_SIZE, "the token is active");
        break;
    case ESPT_DENY_EXPIRED:
        describe_expiration(query, result, out);
        break;
    case ESPT_DENY_SUSPENDED:
        describe_status(result, out);
        break;
    case ESPT_DENY_TIER:
        snprintf(out, CHECK_DETAIL_SIZE, "tier %s is in the tier table, with rank %d", result->tier,
                 result->tier_rank);
        break;
    case ESPT_DENY_ENTITY:
        snprintf(out, CHECK_DETAIL_SIZE,
                 query->entity == NULL ? "the query names no other entity"
                                       : "the token may read the data of that entity");
        break;
    default:
        snprintf(out, CHECK_DETAIL_SIZE,
                 query->metric == NULL ? "no metric is asked for" : "tier %s shows the metric",
                 result->tier);
        break;
    }
}

/* --- the checks after the failed one --- */

/* Changes the query so that the failed check passes. False: that is not possible. */
static bool pass_failed_check(const espt_result *result, espt_query *query)
{
    if (result->status == ESPT_DENY_EXPIRED && result->expires > 1)
        query->now = result->expires - 1;
    else if (result->status == ESPT_DENY_ENTITY && query->entity != NULL)
        query->entity = NULL;
    else
        return false;
    return true;
}

/* Checks the metric by the tier table, which this program reads in the same way as the plugin. */
static void explain_metric(const struct question *question, const char *tier_name, char *out)
{
    const espt_query *query = question->query;
    struct espt_error ignored;
    const struct tier *tier = NULL;
    if (query->metric == NULL) {
        snprintf(out, CHECK_DETAIL_SIZE, "it would pass");
        return;
    }
    if (cli_config(question->cli, &ignored) == 0 && cli_tiers(question->cli, &ignored) == 0)
        tier = tier_find(question->cli->tiers, tier_name);
    if (tier == NULL)
        return;
    if (tier_allows(question->cli->tiers, tier, query->metric, query->metric_len))
        snprintf(out, CHECK_DETAIL_SIZE, "it would pass");
    else if (metric_name_ok(query->metric, query->metric_len))
        snprintf(out, CHECK_DETAIL_SIZE, "it would fail: tier %s does not show %s", tier_name,
                 query->metric);
    else
        snprintf(out, CHECK_DETAIL_SIZE, "it would fail: not a metric name");
}

/* Finds the results of the checks after the failed one. The metric name is invalid, so that the
   last check always fails. */
static void explain_later_checks(const struct question *question, struct check *checks)
{
    espt_query query = *question->query;
    espt_result last = *question->result;
    query.metric = "";
    query.metric_len = 0;
    while (pass_failed_check(&last, &query)) {
        espt_result next = {.size = sizeof next};
        question->validator->validate(question->ctx, &query, &next);
        if (next.revision != last.revision) /* the store has changed since */
            return;
        for (int check = last.status + 1; check < ESPT_DENY_METRIC; check++) {
            char *out = checks[check - CHECK_FIRST].detail;
            const enum outcome outcome = outcome_of(check, next.status);
            if (outcome == CHECK_PASS)
                snprintf(out, CHECK_DETAIL_SIZE, "it would pass");
            else if (outcome == CHECK_FAIL)
                snprintf(out, CHECK_DETAIL_SIZE, "it would fail: %s", next.detail);
        }
        if (next.status == ESPT_DENY_METRIC)
            explain_metric(question, next.tier, checks[ESPT_DENY_METRIC - CHECK_FIRST].detail);
        last = next;
    }
}

void explain(const struct question *question, struct check checks[static CHECKS])
{
    const int32_t verdict = question->result->status;
    for (int i = 0; i < CHECKS; i++) {
        checks[i] = (struct check){.outcome = outcome_of(CHECK_FIRST + i, verdict)};
        if (checks[i].outcome == CHECK_PASS)
            check_describe_pass(CHECK_FIRST + i, question->query, question->result,
                                checks[i].detail);
        else if (checks[i].outcome == CHECK_FAIL)
            snprintf(checks[i].detail, CHECK_DETAIL_SIZE, "%s", question->result->detail);
    }
    explain_later_checks(question, checks);
}
