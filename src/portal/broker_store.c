/* SPDX-License-Identifier: ISC */
/* What a broker opens: the store, and the files beside it. */
#include "portal/broker.h"
#include "portal/replay.h"
#include "portal/site.h"

#include <stdlib.h>

int broker_store(struct broker *broker, struct espt_error *err)
{
    const struct config *config = &broker->portal->config;
    if (broker->store != NULL)
        return 0;
    int code = (broker->changes ? store_open : store_open_to_read)(&broker->store, config, err);
    if (code == 0 && store_not_edge(broker->store, err) != 0)
        code = ESPT_UNUSABLE; /* about this machine, not about the request */
    if (code == 0 && broker->changes)
        code = site_attach(broker, err);
    if (code == 0)
        store_elsewhere(broker->store, &broker->elsewhere);
    if (code != 0)
        broker_drop_store(broker);
    return code;
}

void broker_drop_store(struct broker *broker)
{
    store_close(broker->store);
    broker->store = NULL;
    site_detach(broker);
}

int broker_open(struct broker *broker, const struct portal *portal, bool changes,
                struct espt_error *err)
{
    *broker = (struct broker){.portal = portal, .changes = changes};
    int code = passes_open(&broker->passes, &portal->config, err);
    if (code == 0)
        code = broker_store(broker, err);
    if (code == 0)
        code = broker_tiers(broker, err);
    return code;
}

void broker_close(struct broker *broker)
{
    broker_drop_store(broker);
    passes_close(broker->passes);
    replays_free(broker->replays);
    free(broker->elsewhere.items);
    tier_table_free(broker->tiers);
}
