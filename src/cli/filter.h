/* SPDX-License-Identifier: ISC */
/* The options by which list and entity list select. */
#ifndef ESPT_CLI_FILTER_H
#define ESPT_CLI_FILTER_H

#include "cli/operand.h"

/* Of the entity, or of a token's entity. */
#define FILTER_ENTITY_OPTIONS \
    (BIT(OPTION_TIER) | BIT(OPTION_RESELLER) | BIT(OPTION_KIND) | BIT(OPTION_OVER_LIMIT))
#define FILTER_OPTIONS                                                                        \
    (FILTER_ENTITY_OPTIONS | BIT(OPTION_EXPIRING) | BIT(OPTION_UNUSED) | BIT(OPTION_STATUS) | \
     BIT(OPTION_FOREIGN) | BIT(OPTION_NOTE))

struct filter {
    int64_t now;
    bool tokens;      /* the filter is that of `list`; else that of `entity list` */
    int64_t expiring; /* Unix seconds: expires by then; 0: any */
    int64_t unused;   /* Unix seconds: not used since; 0: any */
    bool by_status;
    enum token_status status;
    bool active; /* the wanted status of entities, if by_status */
    bool by_kind;
    enum entity_kind kind;
    bool foreign;
    const struct tier_table *over; /* over its limit by this table; NULL: any */
    const char *tier;              /* NULL: any */
    const char *reseller;          /* the entity itself or its reseller; "": none; NULL: any */
    const char *note, *contact;    /* contains it, in any case of letters; "": has none */
};

/* Call after cli_store(). ESPT_MISSING: there is no such reseller or tier. */
ESPT_MUST_USE int filter_parse(struct cli *cli, bool tokens, struct filter *ret_filter,
                               struct espt_error *err);
bool filter_match(const struct filter *filter, const struct entity *entity,
                  const struct token *token);
bool filter_match_entity(const struct filter *filter, const struct entity *entity);

#endif
