/* The order of checks (contract §7), over one snapshot of the store. */
#ifndef VALIDATOR_JUDGE_H
#define VALIDATOR_JUDGE_H

#include "context.h"

/* Fills every field of `result` but `size`, which was zeroed; returns its status. The query's sizes
   and pointers were checked. */
int32_t judge(struct espt_ctx *ctx, const espt_query *query, espt_result *result);

#endif
