/* Looking whether files changed: at most one call a second does, and it answers by what it found.
 */
#ifndef VALIDATOR_LOOK_H
#define VALIDATOR_LOOK_H

#include "context.h"

/* Looks if a second has passed since the last look of any thread. */
void look_if_due(struct espt_ctx *ctx);
/* Looks at once, at files that are still being saved too, and asks the store; 0, or the code of
   what is wrong. */
ESPT_MUST_USE int look_now(struct espt_ctx *ctx, struct espt_error *err);
/* `used` is closed or outgrown: opens the path anew. True: another view is in force, or none. The
   caller is inside the guard. */
bool look_again(struct espt_ctx *ctx, struct store_view *used, bool outgrown);

#endif
