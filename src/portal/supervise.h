/* SPDX-License-Identifier: ISC */
/*
 * The supervisor: it listens, starts two brokers and a worker, starts again what ends, and handles
 * signals. It never opens the store or a key, so that a worker that is forked from it has seen
 * neither.
 */
#ifndef ESPT_PORTAL_SUPERVISE_H
#define ESPT_PORTAL_SUPERVISE_H

#include "portal/broker.h"
#include "portal/listen.h"
#include "portal/pages.h"

struct supervised {
    struct portal portal;
    struct listeners listeners;
    struct pages pages;
    char *certificate, *key; /* PEM; NULL: no TLS */
    bool drops;              /* the worker becomes another user, this one: */
    uid_t uid;
    gid_t gid;
};
/* Returns 0 after SIGTERM or SIGINT, or an error if the portal could not start. */
ESPT_MUST_USE int supervise(struct supervised *supervised, struct espt_error *err);

#endif
