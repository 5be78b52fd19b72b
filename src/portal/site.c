/* SPDX-License-Identifier: ISC */
#include "portal/site.h"

#include "fleet/fleet.h"

#define CALL_MS 5000 /* of the journal */

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
