/* SPDX-License-Identifier: ISC */
/*
 * The socket between the supervisor and each child. The supervisor sends sockets that connect the
 * child with others, and CONTROL_END; a child says only that it is ready. When the socket ends, the
 * supervisor has ended, and so does the child.
 */
#ifndef ESPT_PORTAL_CONTROL_H
#define ESPT_PORTAL_CONTROL_H

#include <stdbool.h>

enum control_word {
    CONTROL_NONE,
    CONTROL_LINK, /* to a broker: a worker's socket. To a worker: that of the broker that reads */
    CONTROL_CHANGES, /* to a worker: the socket of the broker that changes */
    CONTROL_END,
    CONTROL_READY, /* from a child */
};

/* Returns 0, or -1 with errno set. `fd` -1: none. */
int control_send(int control, enum control_word word, int fd);
/* Receives one word; *ret_fd is -1, or a descriptor that is the caller's. CONTROL_END: also when
   the other side has ended. */
enum control_word control_receive(int control, int *ret_fd);

/* What every child does first: takes a name of at most 15 bytes, ignores the signals that the
   supervisor handles, and closes every descriptor but standard error and `kept`, which ends with
   -1. */
void child_begin(const char *name, const int *kept);

#endif
