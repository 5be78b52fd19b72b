/* SPDX-License-Identifier: ISC */
/* Prints where the C compiler puts each field of validator.h: STRUCT.FIELD OFFSET SIZE, and the
   sizes: STRUCT SIZE. */
#include <espt/validator.h>
#include <stdio.h>

#define FIELD(type, field) \
    printf(#type "." #field " %zu %zu\n", offsetof(type, field), sizeof((type *)0)->field)

int main(void)
{
    printf("espt_query %zu\nespt_result %zu\nespt_validator %zu\n", sizeof(espt_query),
           sizeof(espt_result), sizeof(espt_validator));
    FIELD(espt_query, size);
    FIELD(espt_query, flags);
    FIELD(espt_query, token);
    FIELD(espt_query, token_len);
    FIELD(espt_query, metric);
    FIELD(espt_query, metric_len);
    FIELD(espt_query, entity);
    FIELD(espt_query, entity_len);
    FIELD(espt_query, now);
    FIELD(espt_result, size);
    FIELD(espt_result, status);
    FIELD(espt_result, expires);
    FIELD(espt_result, revision);
    FIELD(espt_result, tier_rank);
    FIELD(espt_result, kind);
    FIELD(espt_result, token_id);
    FIELD(espt_result, entity);
    FIELD(espt_result, reseller);
    FIELD(espt_result, tier);
    FIELD(espt_result, detail);
    FIELD(espt_validator, abi);
    FIELD(espt_validator, size);
    FIELD(espt_validator, version);
    FIELD(espt_validator, open);
    FIELD(espt_validator, validate);
    FIELD(espt_validator, allows);
    FIELD(espt_validator, refresh);
    FIELD(espt_validator, close);
    FIELD(espt_validator, reason);
    FIELD(espt_validator, open_uncounted);
    return 0;
}
