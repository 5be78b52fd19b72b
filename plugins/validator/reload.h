/* SPDX-License-Identifier: ISC */
/* Reloads the tier table and reopens the store after they changed. At most one call a second checks
   the files; that same call already answers from what it loaded. */
#ifndef VALIDATOR_RELOAD_H
#define VALIDATOR_RELOAD_H

#include "context.h"

/* Checks the files if a second has passed since any thread checked them. */
void reload_if_due(struct espt_ctx *ctx);
/* Checks the files now, loads even a file that may still be in the middle of a save, and reads the
   store's state. Returns 0, or the code of the first error. */
ESPT_MUST_USE int reload_now(struct espt_ctx *ctx, struct espt_error *err);
/* Replaces the view `used` after a look-up failed. If its store is closed, opens the path again; if
   its mapping is `outgrown`, makes a larger one. True: the current view is another one, or NULL.
   The caller is between views_enter() and views_leave(). */
bool reload_store(struct espt_ctx *ctx, struct store_view *used, bool outgrown);

/* Logs, once, that the store is older than the state that has answered. */
void log_older_store(struct espt_ctx *ctx, const struct state_id *answered);

#endif
