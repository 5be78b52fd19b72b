/* Which tokens a command is asked for: the options that list and stats share. */
#ifndef ESPT_CLI_FILTER_H
#define ESPT_CLI_FILTER_H

#include "cli/cli.h"

#define FILTER_OPTIONS                                                                   \
    (BIT(OPTION_EXPIRING) | BIT(OPTION_UNUSED) | BIT(OPTION_STATUS) | BIT(OPTION_TIER) | \
     BIT(OPTION_RESELLER))
/* What some of them mean to such a command. */
#define FILTER_OWN                                                               \
    {OPTION_STATUS, "active|inactive|expired|retiring", "those of this status"}, \
        {OPTION_TIER, NULL, "those of entities of this tier"},                   \
    {                                                                            \
        OPTION_RESELLER, NULL, "those of this reseller and its customers"        \
    }

struct filter {
    int64_t now;
    int64_t expiring;   /* expires by then; 0: whenever */
    int64_t unused;     /* not used since; 0: whenever */
    const char *status; /* NULL: any, and so below */
    const char *tier;
    const char *reseller; /* itself, or the entity's reseller */
};

/* After cli_store(): reseller and tier must be there (ESPT_MISSING). */
ESPT_MUST_USE int filter_parse(struct cli *cli, struct filter *ret_filter, struct espt_error *err);
bool filter_match(const struct filter *filter, const struct entity *entity,
                  const struct token *token);

#endif
