/* SPDX-License-Identifier: ISC */
/* What other sites write, between two requests. */
#include "portal/site.h"

#include "common/clock.h"
#include "fleet/fleet.h"

#include <stdio.h>

#define FOLLOW_MS 1000         /* from one look into the journal to the next */
#define FOLLOW_FAILED_MS 10000 /* the same, after one that failed */

int site_wait(const struct broker *broker)
{
    if (!broker->changes || !fleet_configured(&broker->portal->config))
        return -1;
    const int64_t left = broker->follow_at - monotonic_ms();
    return left > 0 ? (int)left : 0;
}

static int follow(struct broker *broker, struct espt_error *err)
{
    struct fleet_place place;
    int code = broker_store(broker, err);
    if (code == 0)
        code = fleet_place(broker->store, &place, err);
    if (code == ESPT_REFUSED) /* it has joined no fleet yet */
        return 0;
    if (code == 0)
        code = fleet_catch_up(broker->fleet, broker->store, err);
    if (code == 0)
        site_uses_read(broker);
    return code;
}

void site_follow(struct broker *broker)
{
    struct espt_error err = {0};
    if (site_wait(broker) != 0)
        return;
    const int code = follow(broker, &err);
    if (code != 0 && !broker->behind)
        fprintf(stderr, "esp-token-portal: the store may be behind the fleet: %s\n", err.message);
    if (code == ESPT_UNUSABLE)
        broker_drop_store(broker);
    broker->behind = code != 0;
    broker->follow_at = monotonic_ms() + (code == 0 ? FOLLOW_MS : FOLLOW_FAILED_MS);
}
