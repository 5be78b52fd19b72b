/* SPDX-License-Identifier: ISC */
/*
 * Derives the parts of an entry from the records that a transaction has touched. A site derives the
 * parts of its own entries, and also those of every entry that it applies: they must be the same
 * bytes. So a site finds any divergence at the entry where it begins.
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

/* The transaction still has the position before the entry, and its log has the entry already. A
   failure is the transaction's (txn->code). derived_clear() frees *ret. */
void derive(struct derived *ret, struct txn *txn, struct touched *touched);
/* Puts the sums into the position. */
void derived_sums(const struct derived *derived, struct fleet_position *position);
void derived_clear(struct derived *derived);

#endif
