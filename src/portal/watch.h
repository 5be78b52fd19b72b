/* SPDX-License-Identifier: ISC */
/*
 * Ends the links and sessions of entities that were switched off or removed, whoever did it and
 * however briefly: it reads what the audit log has gained since the last time. A session follows an
 * entity to its new name.
 */
#ifndef ESPT_PORTAL_WATCH_H
#define ESPT_PORTAL_WATCH_H

#include "portal/passes.h"
#include "store/store.h"

/* Call it before a pass is accepted, and before one is made. Lifts the limit of store_as(). */
ESPT_MUST_USE int watch(struct store *store, struct passes *passes, struct espt_error *err);

#endif
