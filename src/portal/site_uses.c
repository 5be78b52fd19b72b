/* SPDX-License-Identifier: ISC */
/*
 * The uses that other machines of the fleet have counted. The broker that changes has the
 * connection with the journal, so it reads their reports now and then, and leaves the sums in a
 * file for the broker that reads.
 */
#include "portal/site.h"

#include "common/clock.h"
#include "fleet/uses.h"
#include "store/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define USES_MS 60000 /* from one look at the reports to the next, at least */
#define USES_SHARE 20 /* and at least so many times as long as the look took */
#define USES_OLD 1800 /* seconds: an older file means that nobody reads the reports any more */

static void set(struct broker *broker, struct elsewhere *elsewhere)
{
    free(broker->elsewhere.items);
    broker->elsewhere = *elsewhere;
    *elsewhere = (struct elsewhere){0};
    store_elsewhere(broker->store, &broker->elsewhere);
}

void site_uses_read(struct broker *broker)
{
    struct espt_error err;
    struct fleet_uses uses;
    const int64_t begun = monotonic_ms();
    if (begun < broker->uses_at)
        return;
    int code = fleet_uses(broker->fleet, broker->store, &uses, &err);
    if (code == 0) {
        code = fleet_uses_keep(&broker->portal->config, &uses.elsewhere, &err);
        set(broker, &uses.elsewhere);
        fleet_uses_clear(&uses);
    }
    if (code != 0)
        fprintf(stderr,
                "esp-token-portal: the uses that other machines have counted are not known: %s\n",
                err.message);
    const int64_t took = monotonic_ms() - begun;
    broker->uses_at = begun + took + (took * USES_SHARE > USES_MS ? took * USES_SHARE : USES_MS);
}

static bool is_member(struct broker *broker)
{
    struct fleet_place place;
    struct espt_error ignored;
    return fleet_configured(&broker->portal->config) &&
           fleet_place(broker->store, &place, &ignored) == 0;
}

void site_uses_load(struct broker *broker)
{
    char path[PATH_MAX + 8];
    struct espt_error err;
    struct elsewhere elsewhere = {0};
    if (broker->changes || !is_member(broker))
        return;
    snprintf(path, sizeof path, "%s.uses", broker->portal->config.store);
    const struct seen now = seen_now(path);
    const bool old = now.changed / 1000000000 < clock_now() - USES_OLD;
    if (!old && seen_same(&now, &broker->uses_file)) {
        store_elsewhere(broker->store, &broker->elsewhere);
        return;
    }
    if (old || fleet_uses_kept(&broker->portal->config, &elsewhere, &err) != 0)
        snprintf(elsewhere.unknown, sizeof elsewhere.unknown, "no report was read lately");
    broker->uses_file = now;
    set(broker, &elsewhere);
}
