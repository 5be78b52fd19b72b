/* What check.c and check_tiers.c share: one snapshot, and where findings go. */
#ifndef ESPT_STORE_CHECK_H
#define ESPT_STORE_CHECK_H

#include "store/load.h"

struct check {
    struct txn *txn;
    finding_fn fn;
    void *arg;
    size_t findings;
};

void check_report(struct check *check, const char *kind, const char *subject, const char *format,
                  ...) ESPT_PRINTF(4, 5);
/* The findings that depend on the tier table, for one entity; `reseller_tier` is its reseller's,
   NULL: none. */
void check_entity_tier(struct check *check, const struct tier_table *tiers,
                       const struct entity_record *entity, const char *reseller_tier);
/* 1 whole, 0 not there, -1 damaged. */
int check_entity_record(struct check *check, uint32_t number, struct entity_record *ret);

#endif
