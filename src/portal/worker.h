/* SPDX-License-Identifier: ISC */
/*
 * The worker: the process that speaks HTTP. It owns nothing: no store, no key, no configuration
 * file. It can pass requests on to the brokers, and nothing else.
 *
 * MUST 1: everything it needs is in memory, or an open socket, before sandbox_enter().
 * MUST 2: limits bound how long it waits for one client, and how much it keeps for it.
 */
#ifndef ESPT_PORTAL_WORKER_H
#define ESPT_PORTAL_WORKER_H

#include "portal/broker.h"
#include "portal/listen.h"
#include "portal/pages.h"

struct worker_start {
    const struct config_portal *settings;
    const struct listeners *listeners;
    const struct pages *pages;
    const char *certificate, *key; /* PEM; NULL: no TLS */
    uid_t uid;
    gid_t gid;
    bool drops; /* become uid and gid; else the program does not run as root */
    int control;
    int reads, changes; /* sockets of the brokers */
};
/* Runs until the control socket says to end. Never returns. */
_Noreturn void worker_run(const struct worker_start *start);

#endif
