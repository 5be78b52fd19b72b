/* Files that hold a whole store: written from a snapshot, stamped, read through, forgotten. */
#ifndef ESPT_STORE_COPY_H
#define ESPT_STORE_COPY_H

#include "store/db.h"

#define STORE_GROUP "esp-token" /* of hosts */

/* The newest snapshot in the new file `path`, 0600, on the disk when it returns; on failure there
   is no such file. Compact: without free pages, to be stamped; else page for page, while the caller
   holds the writers' lock. */
ESPT_MUST_USE int copy_write(struct store *store, const char *path, bool compact,
                             struct espt_error *err);

/* The copy that `config` names is a store of its own from now on: its state record says its
   transactions, as a compact copy counts them anew, in both snapshots that its meta pages lead to;
   and that it is not closed. */
ESPT_MUST_USE int copy_stamp(const struct config *config, struct espt_error *err);

/* A copy of the file `from`, which must be trusted, in the new file `to`, 0600, on the disk when it
   returns. */
ESPT_MUST_USE int copy_file(const char *from, const char *to, struct espt_error *err);

/* SHA-256 and length of a file, which must be trusted. */
ESPT_MUST_USE int copy_digest(const char *path, uint8_t ret_sum[static 32], uint64_t *ret_bytes,
                              struct espt_error *err);

/* Takes away the lock files that the opening of a copy left. */
void copy_forget_locks(const char *path);

/* 0640, and the group of hosts where the system has one (contract §4). */
ESPT_MUST_USE int copy_set_mode(const char *path, struct espt_error *err);

#endif
