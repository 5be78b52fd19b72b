/* SPDX-License-Identifier: ISC */
/*
 * From what a transaction has touched to the parts of an entry. A site derives the parts of its own
 * entry, and also those of every entry that it applies: they must be the same bytes. So a site
 * finds any divergence at the entry where it begins.
 */
#ifndef ESPT_FLEET_DERIVE_H
#define ESPT_FLEET_DERIVE_H

#include "fleet/ops.h"
#include "fleet/sum.h"
#include "fleet/touched.h"
#include "store/store.h"

struct derived {
    struct ops edge, vault;
    struct sums sums; /* after the change */
    bool sites;       /* the entry changes the list of sites */
};

/* The position of the transaction is still the one before. The log has the entry already. Failures
   are the transaction's. */
void derive(struct derived *ret, struct txn *txn, struct touched *touched);
/* Puts the sums into the position. */
void derived_sums(const struct derived *derived, struct fleet_position *position);
void derived_clear(struct derived *derived);

#endif
