/* SPDX-License-Identifier: ISC */
/* The protocols of systemd: sd_notify(3), and sockets that it passes, sd_listen_fds(3). */
#ifndef ESPT_AUTHD_NOTIFY_H
#define ESPT_AUTHD_NOTIFY_H

/* Sends e.g. "READY=1" to the service manager, if there is one. */
void notify(const char *state);

/* The number of sockets that were passed, from NOTIFY_FIRST_FD on. */
#define NOTIFY_FIRST_FD 3
int notify_sockets(void);

#endif
