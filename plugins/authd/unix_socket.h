/* SPDX-License-Identifier: ISC */
#ifndef ESPT_AUTHD_UNIX_SOCKET_H
#define ESPT_AUTHD_UNIX_SOCKET_H

#include <stddef.h>

/* Listens on a new Unix socket at `path`, which appears with its mode and already listening. A
   stale socket is replaced. Returns the descriptor, or -1 with one line in `err`. */
int unix_socket_open(const char *path, unsigned mode, int backlog, char *err, size_t err_len);

#endif
