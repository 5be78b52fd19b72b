/* SPDX-License-Identifier: ISC */
#include "portal/site.h"

#include "common/clock.h"
#include "fleet/fleet.h"

#include <stdio.h>
#include <string.h>

#define CALL_MS 5000           /* of the journal */
#define FOLLOW_MS 1000         /* from one look into the journal to the next */
#define FOLLOW_FAILED_MS 10000 /* the same, after one that failed */

int site_attach(struct broker *broker, struct espt_error *err)
{
    const struct config *config = &broker->portal->config;
    if (!fleet_configured(config))
        return 0;
    int code = fleet_new(&broker->fleet, config, CALL_MS, err);
    if (code == 0)
        fleet_attach(broker->fleet, broker->store);
    return code;
}

void site_detach(struct broker *broker)
{
    fleet_free(broker->fleet);
    broker->fleet = NULL;
}

/* --- what other sites write --- */

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
    return code == 0 ? fleet_catch_up(broker->fleet, broker->store, NULL, err) : code;
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

/* --- outcomes of changes --- */

/* Whether the store belongs to a fleet, and this portal cannot write to its journal. */
static bool is_shut_out(struct broker *broker)
{
    struct fleet_place place;
    struct espt_error ignored;
    if (broker->fleet != NULL)
        return !fleet_admits(broker->fleet);
    return broker->changes && broker->store != NULL &&
           fleet_place(broker->store, &place, &ignored) == 0;
}

int site_outcome(struct broker *broker, int code, const struct answer *answer)
{
    const char *warning = broker->fleet != NULL ? fleet_warning(broker->fleet) : NULL;
    if (warning != NULL) {
        fprintf(stderr, "esp-token-portal: %s\n", warning);
        broker_drop_store(broker);
    }
    if (code == ESPT_REFUSED && answer->problem == PROBLEM_NONE && is_shut_out(broker))
        return ESPT_UNUSABLE;
    return code;
}
