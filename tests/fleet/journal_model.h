/* SPDX-License-Identifier: ISC */
/*
 * A model of the records that a journal makes, and of the rules that hold at every entry. It knows
 * the bytes of records and operations, and nothing of the store, its transactions or its rules.
 */
#ifndef TESTS_FLEET_JOURNAL_MODEL_H
#define TESTS_FLEET_JOURNAL_MODEL_H

#include "fleet/members.h"

#include "common/record.h"
#include "common/tier.h"

#define MODEL_MAX 512
struct model {
    const struct tier_table *tiers;
    uint64_t number; /* of the last entry taken */
    uint32_t next_number;
    struct model_entity {
        uint32_t number; /* 0: none */
        bool is_new;     /* made by this entry */
        uint32_t before; /* tokens, before this entry */
        struct entity_record record;
    } entities[MODEL_MAX];
    struct model_token {
        uint64_t id; /* 0: none */
        bool is_new;
        struct token_record record;
    } tokens[MODEL_MAX];
};
/* Takes the next entry, and asserts each rule. */
void model_take(struct model *model, const struct fleet_of *fleet, uint64_t number);

#endif
