/* SPDX-License-Identifier: ISC */
/* May this token see this metric? Answered from the store, in the order of specification §7,
   without the token's text: nothing is validated, and no use is counted. */
#ifndef ESPT_PORTAL_EXPLAIN_H
#define ESPT_PORTAL_EXPLAIN_H

#include "common/tier.h"
#include "store/store.h"

#include <jansson.h>

/* Returns a new reference. */
json_t *explain_token(const struct token *token, const struct entity *entity,
                      const struct tier_table *tiers, const char *metric, int64_t now);

#endif
