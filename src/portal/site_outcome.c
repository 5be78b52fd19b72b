/* SPDX-License-Identifier: ISC */
/* Outcomes of changes that are about this machine, not about what was asked. */
#include "portal/site.h"

#include "fleet/fleet.h"

#include <stdio.h>

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
