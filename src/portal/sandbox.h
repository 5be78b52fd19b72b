/* SPDX-License-Identifier: ISC */
/* Takes every right from this process that it does not need to serve sockets that are open. */
#ifndef ESPT_PORTAL_SANDBOX_H
#define ESPT_PORTAL_SANDBOX_H

#include "common/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Becomes another user without groups, for good. */
ESPT_MUST_USE int sandbox_drop(uid_t uid, gid_t gid, struct espt_error *err);
/* No new privileges, no new files and processes, and a filter of system calls. */
ESPT_MUST_USE int sandbox_enter(struct espt_error *err);

#endif
