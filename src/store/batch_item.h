/* SPDX-License-Identifier: ISC */
/* What batch.c and import.c share: an open batch, and the begin and end of one item. */
#ifndef ESPT_STORE_BATCH_ITEM_H
#define ESPT_STORE_BATCH_ITEM_H

#include "store/batch.h"
#include "store/changes.h"

struct batch {
    struct store *store;
    const struct tier_table *tiers;
    bool dry;
    bool open;   /* `txn` is begun */
    bool failed; /* a write failed; the items since the last commit are lost */
    struct txn txn;
    struct changes changes;
};

/* Begins an item. One transaction holds items of one kind, either created (`made`) or imported:
   imports look tokens up by id, and created tokens cannot be found by id before the commit
   (apply_deferred()). An item of the other kind commits first. */
ESPT_MUST_USE int batch_item_begin(struct batch *batch, bool made, struct espt_error *err);
/* Ends an item: applies its changes, which begin at index `from`. If a rule refused the item, its
   changes are dropped instead. Rules are checked before any put. */
int batch_item_end(struct batch *batch, size_t from);

#endif
