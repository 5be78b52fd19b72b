/* SPDX-License-Identifier: ISC */
/* A copy of a backup, beside the store that it is for. */
#ifndef ESPT_STORE_RESTORE_COPY_H
#define ESPT_STORE_RESTORE_COPY_H

#include "store/db/db.h"

/* Copies the backup to config->store, a new file, proves it by store_check(), and opens it. No
   other process opens it. The caller closes *ret_copy, and removes the file, even after a
   failure. */
ESPT_MUST_USE int restore_copy_open(struct store **ret_copy, const struct config *config,
                                    const struct tier_table *tiers, const struct actor *actor,
                                    const char *backup, struct espt_error *err);

#endif
