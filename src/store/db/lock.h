/* SPDX-License-Identifier: ISC */
/*
 * flock() locks with a bounded wait. Two of them coordinate the processes of a store:
 *
 * - STORE.writer (0600) is held across one write transaction.
 * - STORE-lock, LMDB's own lock file, is the gate. It is held while LMDB itself could block for
 *   ever: while an environment opens, a reader registers, or dead readers are cleared. A process
 *   that is stopped there (SIGSTOP, a frozen container) delays other writers no longer than they
 *   would wait for a writer, and read-only commands for LOCK_MOMENT_MS: then they read a private
 *   copy (private_copy.h).
 */
#ifndef ESPT_STORE_DB_LOCK_H
#define ESPT_STORE_DB_LOCK_H

#include "store/db/db.h"

/* Opens the lock file at the store's path plus `suffix`, and creates it if it is missing. It first
   checks the folder, and by descriptor the file: a regular file with one name, owned by root or
   this user, with mode 0600. Another user who could open it could hold the lock for ever, and LMDB
   trusts the contents of its lock file. */
ESPT_MUST_USE int lock_open(const char *store_path, const char *suffix, int *ret_fd,
                            struct espt_error *err);

/* How long to wait for a lock if there is a fallback: much longer than a running process holds
   STORE-lock. */
#define LOCK_MOMENT_MS 200
/* The lock was not free in that time. No message is written. */
#define LOCK_BUSY 1

/* Takes a shared lock, for a store on a read-only file system. The file must exist. The lock is
   held until *ret_fd is closed. */
ESPT_MUST_USE int lock_share(const char *store_path, const char *suffix,
                             const struct config_wait *how, int *ret_fd, struct espt_error *err);

/* Opens STORE.writer and takes the lock. The caller closes *ret_fd, which releases the lock. */
ESPT_MUST_USE int lock_writers(const char *store_path, const struct config_wait *how, int *ret_fd,
                               struct espt_error *err);
/* Checks that the lock file that is held is still the one at that path. Otherwise another writer
   would lock a different file. */
ESPT_MUST_USE int lock_still_there(int fd, const char *store_path, const char *suffix,
                                   struct espt_error *err);

/* Creates LMDB's lock file if it is missing, and allocates all of its blocks: LMDB maps the file,
   and a page without a block is SIGBUS on a full disk. Call it before the environment opens, never
   while it is open: closing the descriptor would drop LMDB's own locks. */
ESPT_MUST_USE int lock_reserve(const char *store_path, struct espt_error *err);

/* A bounded wait for one condition. `how` NULL, here and below: wait LOCK_MOMENT_MS. */
struct lock_wait {
    const struct config_wait *how;
    int64_t begun; /* monotonic clock, milliseconds */
    bool notified;
};
struct lock_wait lock_wait_begin(const struct config_wait *how);
/* 0: some time has passed; try again. ESPT_UNUSABLE or LOCK_BUSY: the time is up. */
ESPT_MUST_USE int lock_wait_more(struct lock_wait *wait, struct espt_error *err);

ESPT_MUST_USE int lock_acquire(int fd, const struct config_wait *how, struct espt_error *err);
void lock_release(int fd);

#endif
