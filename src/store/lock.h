/* The writers' lock: flock on STORE.writer (0600), held across one write transaction. */
#ifndef ESPT_STORE_LOCK_H
#define ESPT_STORE_LOCK_H

#include "store/db.h"

#define WRITER_WAIT_SECONDS 30

/* Opens STORE.writer, made if need be. */
ESPT_MUST_USE int lock_open(const char *store_path, int *ret_fd, struct espt_error *err);
/* Waits for other writers: tells `waiting` after a second, gives up after WRITER_WAIT_SECONDS. */
ESPT_MUST_USE int lock_take(int fd, void (*waiting)(void *arg), void *arg, struct espt_error *err);
void lock_release(int fd);

#endif
