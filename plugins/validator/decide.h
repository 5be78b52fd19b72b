/* SPDX-License-Identifier: ISC */
/* The checks of specification §7 on the facts about a token, in their order. */
#ifndef VALIDATOR_DECIDE_H
#define VALIDATOR_DECIDE_H

#include "facts.h"

#include "common/copy.h"
#include "common/tier.h"

#include <string.h>

/* `text` fits into `out`, which is zeroed: the terminator need not be copied. */
static inline void result_copy(char *out, const char *text)
{
    copy_small(out, text, strlen(text));
}

/* `detail` fits: it is one of the plugin's own texts. Returns `status`. */
static inline int32_t result_finish(espt_result *result, int32_t status, const char *detail)
{
    result_copy(result->detail, detail);
    return status;
}

/* Fills `result` for a known token, and returns the verdict. */
int32_t decide(const struct facts *facts, const struct tier_table *table, espt_result *result);

#endif
