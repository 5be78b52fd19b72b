#include "cli/explain.h"

#include "common/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIRST ESPT_DENY_MALFORMED
#define CHECKS (ESPT_DENY_METRIC - FIRST + 1)
#define DETAIL_SIZE 320

enum outcome { NOT_REACHED, PASS, FAIL };

struct check {
    enum outcome outcome;
    char detail[DETAIL_SIZE];
};

static enum outcome outcome_of(int check, int32_t verdict)
{
    if (verdict == ESPT_ALLOW || (verdict > check && verdict <= ESPT_DENY_METRIC))
        return PASS;
    return verdict == check ? FAIL : NOT_REACHED;
}

/* --- why a check passed --- */

static void say_expires(const espt_query *query, const espt_result *result, char *out)
{
    char expires[WHEN_TEXT_SIZE], now[WHEN_TEXT_SIZE];
    if (result->expires == WHEN_NEVER) {
        snprintf(out, DETAIL_SIZE, "it never expires");
        return;
    }
    when_format(result->expires, expires);
    when_format(query->now != 0 ? query->now : time(NULL), now);
    snprintf(out, DETAIL_SIZE, "it expires at %s, and is judged at %s", expires, now);
}

static void say_active(const espt_result *result, char *out)
{
    if (result->reseller[0] != '\0')
        snprintf(out, DETAIL_SIZE, "customer %s and its reseller %s are active", result->entity,
                 result->reseller);
    else
        snprintf(out, DETAIL_SIZE, "%s %s is active", kind_word((enum entity_kind)result->kind),
                 result->entity);
}

static void say_pass(int check, const espt_query *query, const espt_result *result, char *out)
{
    switch (check) {
    case ESPT_DENY_MALFORMED:
        snprintf(out, DETAIL_SIZE, "well-formed, of token %s", result->token_id);
        break;
    case ESPT_DENY_UNKNOWN:
        snprintf(out, DETAIL_SIZE, "the store holds it, with this secret");
        break;
    case ESPT_DENY_INACTIVE:
        snprintf(out, DETAIL_SIZE, "the token is active");
        break;
    case ESPT_DENY_EXPIRED:
        say_expires(query, result, out);
        break;
    case ESPT_DENY_SUSPENDED:
        say_active(result, out);
        break;
    case ESPT_DENY_TIER:
        snprintf(out, DETAIL_SIZE, "tier %s is in the tier table, with rank %d", result->tier,
                 result->tier_rank);
        break;
    case ESPT_DENY_ENTITY:
        snprintf(out, DETAIL_SIZE,
                 query->entity == NULL ? "nobody else's data is asked for"
                                       : "the data asked for is its to read");
        break;
    default:
        snprintf(out, DETAIL_SIZE,
                 query->metric == NULL ? "no metric is asked for" : "tier %s shows the metric",
                 result->tier);
        break;
    }
}

/* --- what lies behind the check that failed --- */

/* The same question without what failed; false: it cannot be taken out. */
static bool take_out(const espt_result *result, espt_query *query)
{
    if (result->status == ESPT_DENY_EXPIRED && result->expires > 1)
        query->now = result->expires - 1;
    else if (result->status == ESPT_DENY_ENTITY && query->entity != NULL)
        query->entity = NULL;
    else
        return false;
    return true;
}

/* By the table that this program reads, as the plugin reads it. */
static void judge_metric(const struct question *question, const char *tier_name, char *out)
{
    const espt_query *query = question->query;
    struct espt_error ignored;
    const struct tier *tier = NULL;
    if (query->metric == NULL) {
        snprintf(out, DETAIL_SIZE, "it would pass");
        return;
    }
    if (cli_config(question->cli, &ignored) == 0 && cli_tiers(question->cli, &ignored) == 0)
        tier = tier_find(question->cli->tiers, tier_name);
    if (tier == NULL)
        return;
    if (tier_allows(question->cli->tiers, tier, query->metric, query->metric_len))
        snprintf(out, DETAIL_SIZE, "it would pass");
    else if (metric_name_ok(query->metric, query->metric_len))
        snprintf(out, DETAIL_SIZE, "it would fail: tier %s does not show %s", tier_name,
                 query->metric);
    else
        snprintf(out, DETAIL_SIZE, "it would fail: not a metric name");
}

/* Asked with what is no metric's name, so that the last check always fails. */
static void look_behind(const struct question *question, struct check *checks)
{
    espt_query query = *question->query;
    espt_result last = *question->result;
    query.metric = "";
    query.metric_len = 0;
    while (take_out(&last, &query)) {
        espt_result next = {.size = sizeof next};
        question->validator->validate(question->ctx, &query, &next);
        if (next.revision != last.revision) /* the store was changed meanwhile */
            return;
        for (int check = last.status + 1; check < ESPT_DENY_METRIC; check++) {
            char *out = checks[check - FIRST].detail;
            const enum outcome outcome = outcome_of(check, next.status);
            if (outcome == PASS)
                snprintf(out, DETAIL_SIZE, "it would pass");
            else if (outcome == FAIL)
                snprintf(out, DETAIL_SIZE, "it would fail: %s", next.detail);
        }
        if (next.status == ESPT_DENY_METRIC)
            judge_metric(question, next.tier, checks[ESPT_DENY_METRIC - FIRST].detail);
        last = next;
    }
}

static void explain(const struct question *question, struct check checks[static CHECKS])
{
    const int32_t verdict = question->result->status;
    for (int i = 0; i < CHECKS; i++) {
        checks[i] = (struct check){.outcome = outcome_of(FIRST + i, verdict)};
        if (checks[i].outcome == PASS)
            say_pass(FIRST + i, question->query, question->result, checks[i].detail);
        else if (checks[i].outcome == FAIL)
            snprintf(checks[i].detail, DETAIL_SIZE, "%s", question->result->detail);
    }
    look_behind(question, checks);
}

/* --- told --- */

static const char *const outcomes[] = {
    [NOT_REACHED] = "not reached", [PASS] = "pass", [FAIL] = "fail"};

json_t *json_of_checks(const struct question *question)
{
    struct check checks[CHECKS];
    json_t *list = json_array();
    explain(question, checks);
    for (int i = 0; i < CHECKS; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "check", question->validator->reason(FIRST + i),
                            "outcome", outcomes[checks[i].outcome], "detail", checks[i].detail));
    return list;
}

int print_checks(const struct question *question, struct espt_error *err)
{
    static const char *const columns[] = {"CHECK", "OUTCOME", "DETAIL", NULL};
    struct check checks[CHECKS];
    struct table_view *view;
    int code = table_new(&view, columns, false, err);
    if (code != 0)
        return code;
    explain(question, checks);
    for (int i = 0; i < CHECKS; i++) {
        const char *cells[] = {question->validator->reason(FIRST + i), outcomes[checks[i].outcome],
                               checks[i].detail};
        table_line(view, NULL, cells);
    }
    code = table_print(view, "checks", err);
    table_free(view);
    return code;
}
