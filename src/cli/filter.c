/* SPDX-License-Identifier: ISC */
/* The options that select: parsed once, then matched with each token or entity. */
#include "cli/filter.h"

#include "cli/output.h"
#include "common/when.h"

#include <string.h>

/* If the tier table is broken, any name is accepted, so that lists still work. */
static int need_tier_name(struct cli *cli, const char *tier, struct espt_error *err)
{
    const struct tier_table *tiers = cli_tiers_if_whole(cli);
    if (tiers != NULL && tier_find(tiers, tier) == NULL)
        return espt_fail(err, ESPT_MISSING,
                         "there is no such tier; run 'esp-tokenctl tier list' to see the tiers");
    return 0;
}

static int parse_reseller(struct cli *cli, const char **reseller, struct espt_error *err)
{
    struct entity entity;
    if (strcmp(*reseller, "none") == 0) {
        *reseller = "";
        return 0;
    }
    int code = store_entity_get(cli->store, *reseller, &entity, err);
    if (code != 0 || entity.kind == KIND_RESELLER)
        return code;
    espt_fail(err, ESPT_USAGE, "--reseller names a customer; name a reseller");
    return fail_naming(err, *reseller);
}

/* In `list` the option names a status of tokens, in `entity list` one of entities. */
static int parse_status_of(const struct options *o, struct filter *filter, struct espt_error *err)
{
    filter->by_status = true;
    return filter->tokens ? parse_token_status(o->status, &filter->status, err)
                          : parse_status(o->status, &filter->active, err);
}

static int parse_over_limit(struct cli *cli, struct filter *filter, struct espt_error *err)
{
    int code = cli_tiers(cli, err);
    if (code == 0)
        filter->over = cli->tiers;
    return code;
}

int filter_parse(struct cli *cli, bool tokens, struct filter *ret_filter, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct filter filter = {.now = cli->now,
                            .tokens = tokens,
                            .by_kind = o->kind != NULL,
                            .foreign = given(cli, OPTION_FOREIGN),
                            .tier = o->tier,
                            .reseller = o->reseller,
                            .note = o->note,
                            .contact = o->contact};
    int code = o->expiring != NULL ? parse_expiring(cli, &filter.expiring, err) : 0;
    if (code == 0 && o->unused != NULL)
        code = parse_unused(cli, &filter.unused, err);
    if (code == 0 && o->status != NULL)
        code = parse_status_of(o, &filter, err);
    if (code == 0 && o->kind != NULL)
        code = parse_kind(o->kind, &filter.kind, err);
    if (code == 0 && o->reseller != NULL)
        code = parse_reseller(cli, &filter.reseller, err);
    if (code == 0 && o->tier != NULL)
        code = need_tier_name(cli, o->tier, err);
    if (code == 0 && given(cli, OPTION_OVER_LIMIT))
        code = parse_over_limit(cli, &filter, err);
    if (code == 0)
        *ret_filter = filter;
    return code;
}

static bool match_text(const char *wanted, const char *text)
{
    if (wanted == NULL)
        return true;
    return wanted[0] == '\0' ? text[0] == '\0' : strcasestr(text, wanted) != NULL;
}

/* --reseller none: the entities that belong to no reseller. */
static bool match_reseller(const char *wanted, const struct entity *entity)
{
    return wanted == NULL || strcmp(wanted, entity->reseller) == 0 ||
           strcmp(wanted, entity->name) == 0;
}

bool filter_match_entity(const struct filter *filter, const struct entity *entity)
{
    return (filter->tier == NULL || strcmp(filter->tier, entity->tier) == 0) &&
           (!filter->by_kind || filter->kind == entity->kind) &&
           (filter->tokens || !filter->by_status || filter->active == entity->active) &&
           (filter->over == NULL || over_limit(entity, filter->over)) &&
           match_reseller(filter->reseller, entity) && match_text(filter->contact, entity->contact);
}

/* A retiring secret was replaced already, so its expiration needs no attention. It is listed only
   with --status retiring. */
static bool match_expiring(const struct filter *filter, const struct token *token)
{
    const bool asked = filter->by_status && filter->status == TOKEN_RETIRING;
    return filter->expiring == 0 ||
           (token->expires != WHEN_NEVER && token->expires > filter->now &&
            token->expires <= filter->expiring && (!token->retiring || asked));
}

bool filter_match(const struct filter *filter, const struct entity *entity,
                  const struct token *token)
{
    const int64_t used = token->last_used != 0 ? token->last_used : token->created;
    return match_expiring(filter, token) && (filter->unused == 0 || used <= filter->unused) &&
           (!filter->by_status || filter->status == token_status(token, filter->now)) &&
           (!filter->foreign || token->foreign) && match_text(filter->note, token->note) &&
           filter_match_entity(filter, entity);
}
