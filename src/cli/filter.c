#include "cli/filter.h"

#include "cli/output.h"
#include "common/when.h"

#include <string.h>

static int parse_expiring(struct cli *cli, int64_t *ret_when, struct espt_error *err)
{
    int code = when_parse(cli->options.expiring, cli->now, ret_when, err);
    if (code != 0)
        return espt_fail_in(err, "--expiring");
    if (*ret_when <= cli->now)
        return espt_fail(
            err, ESPT_USAGE,
            "--expiring takes a time to come; see what has expired by --status expired");
    return 0;
}

/* A span counts back from now. */
static int parse_unused(struct cli *cli, int64_t *ret_when, struct espt_error *err)
{
    int64_t span;
    if (span_parse(cli->options.unused, &span)) {
        *ret_when = cli->now > span ? cli->now - span : 1;
        return 0;
    }
    int code = when_parse(cli->options.unused, cli->now, ret_when, err);
    if (code != 0)
        return espt_fail_in(err, "--unused");
    if (*ret_when == WHEN_NEVER || *ret_when > cli->now)
        return espt_fail(err, ESPT_USAGE, "--unused takes a span, or a time that is past");
    return 0;
}

static int need_status(const char *status, struct espt_error *err)
{
    static const char *const words[] = {"active", "inactive", "expired", "retiring"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], status) == 0)
            return 0;
    }
    return espt_fail(err, ESPT_USAGE, "not a status; give active, inactive, expired or retiring");
}

/* A broken tier table stops no list: any name may be one of it then. */
static int need_tier_name(struct cli *cli, const char *tier, struct espt_error *err)
{
    const struct tier_table *tiers = cli_tiers_if_whole(cli);
    if (tiers != NULL && tier_find(tiers, tier) == NULL)
        return espt_fail(err, ESPT_MISSING,
                         "there is no such tier; see them by esp-tokenctl tier list");
    return 0;
}

static int need_reseller(struct cli *cli, const char *reseller, struct espt_error *err)
{
    struct entity entity;
    int code = store_entity_get(cli->store, reseller, &entity, err);
    if (code == 0 && entity.kind != KIND_RESELLER)
        code = espt_fail(err, ESPT_USAGE, "--reseller names a customer; name a reseller");
    return code;
}

int filter_parse(struct cli *cli, struct filter *ret_filter, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct filter filter = {
        .now = cli->now, .status = o->status, .tier = o->tier, .reseller = o->reseller};
    int code = o->expiring != NULL ? parse_expiring(cli, &filter.expiring, err) : 0;
    if (code == 0 && o->unused != NULL)
        code = parse_unused(cli, &filter.unused, err);
    if (code == 0 && o->status != NULL)
        code = need_status(o->status, err);
    if (code == 0 && o->reseller != NULL)
        code = need_reseller(cli, o->reseller, err);
    if (code == 0 && o->tier != NULL)
        code = need_tier_name(cli, o->tier, err);
    if (code == 0)
        *ret_filter = filter;
    return code;
}

bool filter_match(const struct filter *filter, const struct entity *entity,
                  const struct token *token)
{
    const int64_t used = token->last_used != 0 ? token->last_used : token->created;
    if (filter->expiring != 0 && (token->expires == WHEN_NEVER || token->expires <= filter->now ||
                                  token->expires > filter->expiring))
        return false;
    if (filter->unused != 0 && used > filter->unused)
        return false;
    if (filter->status != NULL && strcmp(filter->status, token_status(token, filter->now)) != 0)
        return false;
    if (filter->tier != NULL && strcmp(filter->tier, entity->tier) != 0)
        return false;
    return filter->reseller == NULL || strcmp(filter->reseller, entity->reseller) == 0 ||
           strcmp(filter->reseller, entity->name) == 0;
}
