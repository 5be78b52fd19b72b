/* SPDX-License-Identifier: ISC */
/* --keep-removed: what was removed since the backup stays removed, and what was switched off stays
   off. */
#ifndef ESPT_STORE_RESTORE_KEEP_H
#define ESPT_STORE_RESTORE_KEEP_H

#include "store/db/db.h"

/* Call it within the transaction that makes the copy the store's successor, while the writers' lock
   is held. It removes from the copy what the store `live` does not hold, switches off what is
   off there, and applies the earlier expirations from there. A reseller that was removed stays,
   without tokens, as long as one of its customers stays. The changes are appended to the copy's
   log. */
void restore_keep_removed(struct txn *copy, struct txn *live);
/* The same, for the store that the configuration names. */
void restore_keep_removed_of(struct txn *copy, const struct config *config);

#endif
