/* SPDX-License-Identifier: ISC */
/* The tier table of a broker: loaded again when the file has changed. */
#include "portal/broker.h"

#include <unistd.h>

int broker_tiers(struct broker *broker, struct espt_error *err)
{
    const char *path = broker->portal->config.tiers;
    const struct seen now = seen_now(path);
    struct tier_table *tiers;
    if (broker->tiers != NULL && seen_same(&now, &broker->tiers_file))
        return 0;
    int code = tier_table_load(&tiers, path, geteuid(), err);
    if (code != 0)
        return code;
    tier_table_free(broker->tiers);
    broker->tiers = tiers;
    broker->tiers_file = now;
    return 0;
}
