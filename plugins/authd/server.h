/* SPDX-License-Identifier: ISC */
/*
 * Runs libmicrohttpd: a daemon with a thread of its own for each socket. Follows each connection,
 * because the library's time limit counts from the last byte: a client that sends one byte from
 * time to time would keep a connection for ever.
 */
#ifndef ESPT_AUTHD_SERVER_H
#define ESPT_AUTHD_SERVER_H

#include "listen.h"

#include <microhttpd.h>
#include <stdatomic.h>

struct client; /* a connection */

/* A request, from its first line to its answer. */
struct request {
    struct client *client;
    size_t body;   /* bytes of its body so far */
    bool begun;    /* the head was read */
    char target[]; /* as it was sent, neither split nor decoded */
};

struct server {
    struct MHD_Daemon *daemons[SOCKETS_MAX];
    unsigned count;
};

/* The answer to a request; `state` points to its struct request. */
enum MHD_Result answer_request(void *arg, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **state);

/* Starts a thread for each socket, which it owns from then on. Returns 1; or 0 with one line in
   `err`. */
int server_start(struct server *ret, const struct sockets *sockets, unsigned connections, char *err,
                 size_t err_len);

/* Ends connections whose last request ended more than `idle` seconds ago. */
void server_tick(unsigned idle);

/* No more connections; each open one gets at most one more answer. Waits up to `seconds` for them;
   `impatient` ends the wait. */
void server_drain(struct server *server, unsigned seconds, int (*impatient)(void));
void server_stop(struct server *server);

/* Whether the next answer must close its connection. */
bool server_is_draining(void);

#endif
