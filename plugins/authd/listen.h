/* SPDX-License-Identifier: ISC */
/*
 * Sockets to listen on: those that systemd passed, else those of the option `listen`.
 *
 * MUST 1: refuse an address that is not loopback, unless allow-remote is given.
 * MUST 2: replace a Unix socket only if no process listens on it, and replace nothing but a socket.
 * MUST 3: the folder of a Unix socket must belong to root or this user, and nobody else may write
 *         it: else another user could put a socket there that allows everything.
 */
#ifndef ESPT_AUTHD_LISTEN_H
#define ESPT_AUTHD_LISTEN_H

#include "options.h"

#include <limits.h>
#include <sys/types.h>

#define SOCKETS_MAX 512 /* 8 addresses, 64 workers */

struct sockets {
    int fds[SOCKETS_MAX]; /* one for each worker of each address */
    unsigned count;
    struct {
        char path[PATH_MAX];
        dev_t device;
        ino_t inode;
    } unix_sockets[LISTEN_MAX]; /* removed at the end, if they are still ours */
    unsigned unix_count;
};

/* Returns 1; or 0 with one line in `err`, and nothing is open. */
int listen_open(struct sockets *ret, const struct options *options, char *err, size_t err_len);

/* Removes our Unix sockets from their folders. */
void listen_remove(struct sockets *sockets);

#endif
