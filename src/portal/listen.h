/* SPDX-License-Identifier: ISC */
/* The sockets on which the portal listens: those of the configuration, or those that systemd
   passes. */
#ifndef ESPT_PORTAL_LISTEN_H
#define ESPT_PORTAL_LISTEN_H

#include "common/config.h"

struct listeners {
    size_t count;
    struct {
        int fd;
        bool by_path;  /* a Unix socket */
        bool loopback; /* a TCP socket that other machines do not reach */
    } socket[PORTAL_LISTEN_MAX];
};

ESPT_MUST_USE int listeners_open(struct listeners *ret_listeners,
                                 const struct config_portal *settings, struct espt_error *err);

#endif
