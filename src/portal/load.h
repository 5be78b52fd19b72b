/* SPDX-License-Identifier: ISC */
/* What the portal reads before it forks. */
#ifndef ESPT_PORTAL_LOAD_H
#define ESPT_PORTAL_LOAD_H

#include "portal/supervise.h"

/* Reads the configuration `file`, the proxy's secret, the certificate and the pages, and finds the
   user of the worker. Opens no socket and no store. */
ESPT_MUST_USE int portal_load(const char *file, struct supervised *supervised,
                              struct espt_error *err);
/* Reads the certificate and its key again. On failure those before stay. */
ESPT_MUST_USE int certificates_load(struct supervised *supervised, struct espt_error *err);

#endif
