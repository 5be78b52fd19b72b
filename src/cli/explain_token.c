/* SPDX-License-Identifier: ISC */
/* verify --token: what a host would answer to the right text of a token, by the token's records.
   The checks and their order are those of the validator's decide.c. */
#include "cli/explain.h"

#include "common/when.h"

#include <stdio.h>
#include <string.h>

struct asked {
    const espt_query *query;
    const struct token_facts *facts;
    const struct tier_table *tiers;
    const struct tier *tier; /* NULL: the table lacks it */
};

/* Each writes why the check fails. False: it passes. */
static bool inactive_fails(const struct asked *asked, char *out)
{
    static const char *const levels[] = {[OFF_NOBODY] = "",
                                         [OFF_ENTITY] = ", by the entity itself",
                                         [OFF_RESELLER] = ", by its reseller",
                                         [OFF_PLATFORM] = ", by the platform"};
    const struct token *token = &asked->facts->token;
    snprintf(out, CHECK_DETAIL_SIZE, "the token is switched off%s", levels[token->off_by]);
    return !token->active;
}

static bool expired_fails(const struct asked *asked, char *out)
{
    const int64_t expires = asked->facts->token.expires;
    char when[WHEN_TEXT_SIZE];
    if (expires == WHEN_NEVER || asked->query->now < expires)
        return false;
    when_format(expires, when);
    snprintf(out, CHECK_DETAIL_SIZE, "expired at %s", when);
    return true;
}

static bool suspended_fails(const struct asked *asked, char *out)
{
    const struct entity *owner = &asked->facts->owner;
    if (!owner->active)
        snprintf(out, CHECK_DETAIL_SIZE, "the entity is inactive");
    else
        snprintf(out, CHECK_DETAIL_SIZE, "the entity's reseller is inactive");
    return entity_suspends(owner);
}

static bool tier_fails(const struct asked *asked, char *out)
{
    snprintf(out, CHECK_DETAIL_SIZE, "the entity's tier is not in the tier table");
    return asked->tier == NULL;
}

static bool entity_fails(const struct asked *asked, char *out)
{
    snprintf(out, CHECK_DETAIL_SIZE, "the requested data does not belong to this entity");
    return !asked->facts->may_read;
}

static bool metric_fails(const struct asked *asked, char *out)
{
    const espt_query *query = asked->query;
    if (query->metric == NULL)
        return false;
    if (!metric_name_ok(query->metric, query->metric_len))
        snprintf(out, CHECK_DETAIL_SIZE, "not a metric name");
    else if (asked->tier == NULL)
        snprintf(out, CHECK_DETAIL_SIZE, "the entity's tier is not known");
    else
        snprintf(out, CHECK_DETAIL_SIZE, "tier %s does not show %s", asked->tier->name,
                 query->metric);
    return asked->tier == NULL ||
           !tier_allows(asked->tiers, asked->tier, query->metric, query->metric_len);
}

static bool (*const fails[CHECKS])(const struct asked *asked, char *out) = {
    [ESPT_DENY_INACTIVE - CHECK_FIRST] = inactive_fails,
    [ESPT_DENY_EXPIRED - CHECK_FIRST] = expired_fails,
    [ESPT_DENY_SUSPENDED - CHECK_FIRST] = suspended_fails,
    [ESPT_DENY_TIER - CHECK_FIRST] = tier_fails,
    [ESPT_DENY_ENTITY - CHECK_FIRST] = entity_fails,
    [ESPT_DENY_METRIC - CHECK_FIRST] = metric_fails,
};

/* The first check that fails is the verdict; the later ones show the result they would have had. */
static void run_checks(const struct asked *asked, espt_result *result,
                       struct check checks[static CHECKS])
{
    result->status = ESPT_ALLOW;
    for (int i = 0; i < CHECKS; i++) {
        struct check *check = &checks[i];
        char why[CHECK_DETAIL_SIZE - 32] = "";
        *check = (struct check){.outcome = CHECK_NOT_MADE, .detail = "the text is not given"};
        if (fails[i] == NULL)
            continue;
        const bool failed = fails[i](asked, check->detail), reached = result->status == ESPT_ALLOW;
        check->outcome = !reached ? CHECK_NOT_REACHED : failed ? CHECK_FAIL : CHECK_PASS;
        if (reached && !failed)
            check_describe_pass(CHECK_FIRST + i, asked->query, result, check->detail);
        if (reached && failed) {
            result->status = CHECK_FIRST + i;
            snprintf(result->detail, sizeof result->detail, "%.*s", (int)sizeof result->detail - 1,
                     check->detail);
        }
        if (!reached && failed) {
            snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, check->detail);
            snprintf(check->detail, sizeof check->detail, "it would fail: %s", why);
        } else if (!reached) {
            snprintf(check->detail, sizeof check->detail, "it would pass");
        }
    }
}

int explain_token(struct cli *cli, const espt_query *query, espt_result *result,
                  struct check checks[static CHECKS], struct espt_error *err)
{
    struct token_ref ref;
    struct token_facts facts;
    int code = token_ref_parse(&ref, cli->options.token, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = store_token_facts(cli->store, &ref, query->entity, &facts, err);
    if (code != 0)
        return code;
    const struct entity *owner = &facts.owner;
    const struct tier *tier = tier_find(cli->tiers, owner->tier);
    token_id_format(facts.token.id, result->token_id);
    result->expires = facts.token.expires;
    result->kind = (uint32_t)owner->kind;
    result->tier_rank = tier != NULL ? (int32_t)tier->rank : 0;
    snprintf(result->entity, sizeof result->entity, "%s", owner->name);
    snprintf(result->reseller, sizeof result->reseller, "%s", owner->reseller);
    snprintf(result->tier, sizeof result->tier, "%s", owner->tier);
    run_checks(&(struct asked){query, &facts, cli->tiers, tier}, result, checks);
    if (facts.token.retiring) {
        char *detail = checks[ESPT_DENY_INACTIVE - CHECK_FIRST].detail;
        const size_t len = strlen(detail);
        snprintf(detail + len, CHECK_DETAIL_SIZE - len,
                 "; it is retiring: a newer secret has its name");
    }
    return 0;
}
