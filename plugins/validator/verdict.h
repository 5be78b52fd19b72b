/* SPDX-License-Identifier: ISC */
/* Validates one query: the checks of specification §7 in their order, on one snapshot of the store.
 */
#ifndef VALIDATOR_VERDICT_H
#define VALIDATOR_VERDICT_H

#include "context.h"

/* Fills a zeroed `result`, except `size` and `status`, and returns the status. The caller has
   checked the query's sizes and pointers. */
int32_t verdict_of(struct espt_ctx *ctx, const espt_query *query, espt_result *result);

#endif
