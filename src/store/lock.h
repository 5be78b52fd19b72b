/*
 * Locks by flock, waited for with an end. Two of them keep a store's processes apart:
 *
 * STORE.writer (0600), held across one write transaction;
 * STORE-lock, LMDB's own lock file, held while LMDB itself could block in it without an end: while
 * an environment opens, a reader enters or dead ones are looked for. Who is stopped there (SIGSTOP,
 * a frozen container) holds up other writers no longer than they would wait for one that writes,
 * and who only reads for a moment: they read a copy then (aside.h).
 */
#ifndef ESPT_STORE_LOCK_H
#define ESPT_STORE_LOCK_H

#include "store/db.h"

/* A file beside the store, made if need be: its path and `suffix`. */
ESPT_MUST_USE int lock_open(const char *store_path, const char *suffix, int *ret_fd,
                            struct espt_error *err);

/* How long a lock is asked for by who can do without: much longer than a process that runs holds
   STORE-lock. */
#define LOCK_MOMENT_MS 200
/* It was not to be had in that moment; no message is written. */
#define LOCK_BUSY 1

/* For whoever lies on a read-only file system: the file must be there. Shared with others that
   read; held until *ret_fd is closed. */
ESPT_MUST_USE int lock_share(const char *store_path, const char *suffix,
                             const struct config_wait *how, int *ret_fd, struct espt_error *err);

/* LMDB maps its lock file, made here if need be: every page of it is asked of the disk beforehand,
   since one that a full disk cannot give is SIGBUS. Before the environment opens, never while it is
   open: LMDB's own locks would go with the descriptor. */
ESPT_MUST_USE int lock_reserve(const char *store_path, struct espt_error *err);

/* One wait, for whatever it is asked about. `how` NULL, here and below: for a moment. */
struct lock_wait {
    const struct config_wait *how;
    int64_t begun; /* monotonic, ms */
    bool told;
};
struct lock_wait lock_wait_begin(const struct config_wait *how);
/* 0: some time has passed, ask again; ESPT_UNUSABLE, or LOCK_BUSY: the time is up. */
ESPT_MUST_USE int lock_wait_more(struct lock_wait *wait, struct espt_error *err);

ESPT_MUST_USE int lock_take(int fd, const struct config_wait *how, struct espt_error *err);
void lock_release(int fd);

#endif
