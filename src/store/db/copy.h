/* SPDX-License-Identifier: ISC */
/* Files that hold a whole store: write one from a snapshot, stamp it, hash it, set its mode. */
#ifndef ESPT_STORE_DB_COPY_H
#define ESPT_STORE_DB_COPY_H

#include "store/db/attributes.h"
#include "store/db/db.h"

#define STORE_GROUP "esp-token" /* of hosts */

/* Writes the newest snapshot to the new file `path`, with mode 0600; on return it is on the disk.
   On failure no such file is left. Nothing is created in a folder that others may write to.
   `compact`: without free pages; the copy must be stamped. Otherwise page for page, while the
   caller holds the writers' lock. */
ESPT_MUST_USE int copy_write(struct store *store, const char *path, bool compact,
                             struct espt_error *err);

/* Makes the copy that `config` names a store of its own. LMDB counts transactions from 1 again in a
   compact copy, so the state record gets the copy's transaction, in both snapshots to which its
   meta pages lead. The mark of closure is removed. */
ESPT_MUST_USE int copy_stamp(const struct config *config, struct espt_error *err);

/* Copies the file `from`, which must be trusted, to the new file `to`, with mode 0600. On return it
   is on the disk. */
ESPT_MUST_USE int copy_file(const char *from, const char *to, struct espt_error *err);

/* Computes SHA-256 and length of a file, which must be trusted. */
ESPT_MUST_USE int copy_digest(const char *path, uint8_t ret_sum[static 32], uint64_t *ret_bytes,
                              struct espt_error *err);

/* Sets mode 0640, and the group of hosts if the system has that group (specification §4). */
ESPT_MUST_USE int copy_set_mode(const char *path, struct espt_error *err);
/* Gives `path` the attributes of the store at `store` (attributes.h). If there is no store, or it
   is not trusted, does the same as copy_set_mode(). */
ESPT_MUST_USE int copy_attributes(const char *store, const char *path,
                                  struct attributes_lost *ret_lost, struct espt_error *err);

#endif
