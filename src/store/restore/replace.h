/* SPDX-License-Identifier: ISC */
/* The step of restore at which the new file takes the place of the store (backup.h, MUST 3). */
#ifndef ESPT_STORE_RESTORE_REPLACE_H
#define ESPT_STORE_RESTORE_REPLACE_H

#include "store/backup.h"

/* Renames the file `copy`, whole and durable, into the place of config->store, and marks the old
   file as closed. The writers' lock is held. `old` is the old store, open; NULL: it could not be
   opened, for the reason `why_closed`, and is not marked. If there is no mark, the call waits until
   hosts have noticed the new file. Fills ret_restored->kept, ->unmarked and ->still_there. A
   failure either leaves the old store in its place, or says that the restore is done. */
ESPT_MUST_USE int restore_replace(const struct config *config, const char *copy, struct store *old,
                                  const struct espt_error *why_closed,
                                  struct restored *ret_restored, struct espt_error *err);

#endif
