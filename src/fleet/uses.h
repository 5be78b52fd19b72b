/* SPDX-License-Identifier: ISC */
/* Use counts of a fleet: this machine's report, and what the others have reported. */
#ifndef ESPT_FLEET_USES_H
#define ESPT_FLEET_USES_H

#include "fleet/fleet.h"
#include "store/elsewhere.h"

/* After so long without a report of a known edge, uses are not known. */
#define REPORT_AGE_MAX INT64_C(86400) /* seconds */

/* Puts this machine's report into the journal, in place of the one before. Totals never fall: where
   the one before has more, that stays. Works at sites and at edges; needs the key of this machine.
   ESPT_REFUSED: the store belongs to no fleet. */
ESPT_MUST_USE int fleet_report(struct fleet *fleet, struct store *store, struct espt_error *err);

/* What is known of a machine that reports. */
struct reporter {
    char name[SITE_NAME_MAX + 1];
    bool edge;
    int64_t time;    /* of its report, by its clock; 0: there is none */
    uint64_t number; /* of the last entry that it had */
};
struct fleet_uses {
    struct elsewhere elsewhere;
    struct reporter *reporters; /* in order of name: each edge of the list, and each other site that
                                   has reported; owned */
    size_t count;
};
/* Reads the reports of all other machines. If the journal fails, or an edge has not reported, the
   result says so (elsewhere.unknown). fleet_uses_clear() frees it. */
ESPT_MUST_USE int fleet_uses(struct fleet *fleet, struct store *store, struct fleet_uses *ret,
                             struct espt_error *err);
void fleet_uses_clear(struct fleet_uses *uses);

/* Writes the sums to STORE.uses, and reads them there; the caller frees ret->items, also after a
   failure. ESPT_UNUSABLE: it cannot be read, or there is none. */
ESPT_MUST_USE int fleet_uses_keep(const struct config *config, const struct elsewhere *of,
                                  struct espt_error *err);
ESPT_MUST_USE int fleet_uses_kept(const struct config *config, struct elsewhere *ret,
                                  struct espt_error *err);

#endif
