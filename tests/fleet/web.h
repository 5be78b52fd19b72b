/* SPDX-License-Identifier: ISC */
/* Web servers on free loopback ports, for tests of the feed. They end with the test. */
#ifndef TESTS_FLEET_WEB_H
#define TESTS_FLEET_WEB_H

#include <stddef.h>
#include <sys/types.h>

struct web {
    const char *folder; /* nginx's own files */
    int port, cache_port;
    pid_t server;
    char url[64], cache_url[64];
};
/* Starts nginx: at url a server of the folder `root`, and at cache_url a cache in front of it. The
   cache keeps pieces for an hour and heads for a second; a request with `Pragma` bypasses it.
   `rules`: lines for the server, or "". */
void web_start(struct web *ret, const char *root, const char *rules);
/* Restarts nginx with other rules. */
void web_restart(struct web *web, const char *root, const char *rules);
void web_stop(struct web *web);
/* Starts a server that answers every request with these bytes, and then closes the connection, or
   keeps it open if `silent`. Returns its port. */
int web_raw(const char *answer, size_t len, int silent);
int web_free_port(void);

#endif
