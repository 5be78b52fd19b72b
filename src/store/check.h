/* What the files of check share: one snapshot, and where findings go. */
#ifndef ESPT_STORE_CHECK_H
#define ESPT_STORE_CHECK_H

#include "store/load.h"

struct check {
    struct txn *txn;
    finding_fn fn;
    void *arg;
    size_t findings;
    progress_fn progress; /* NULL: nobody watches */
    void *progress_arg;
    uint64_t steps;         /* records that this check has read */
    _Atomic uint64_t *done; /* those of all that work together, now and then */
    uint64_t total;
};

/* One more record was read. */
void check_step(struct check *check);
/* What depends on the tier table, of a store that was proven whole. */
struct facts;
void check_proven(struct check *check, const struct tier_table *tiers, const struct facts *facts);
/* What has no partner: check_indexes.c. */
void check_folded(struct check *check);
void check_log(struct check *check);

#define NO_TOKEN "it should have at least one token; make one by esp-tokenctl create"

void check_report(struct check *check, const char *kind, const char *subject, const char *format,
                  ...) ESPT_PRINTF(4, 5);
/* The findings that depend on the tier table, for one entity; `reseller_tier` is its reseller's,
   NULL: none. */
void check_entity_tier(struct check *check, const struct tier_table *tiers,
                       const struct entity_record *entity, const char *reseller_tier);
/* This record does not open. */
void check_damaged(struct check *check, enum table table, const struct record_key *key);
/* This entry has no partner, or another. */
void check_index_fault(struct check *check, enum table table, const struct record_key *key,
                       const char *fault);
/* Every index: check_indexes.c. */
void check_indexes(struct check *check);

bool check_look_up(struct check *check, enum table table, const struct record_key *key,
                   MDB_val *ret_value);
uint64_t check_integer(const struct record_key *key);
/* 1 whole, 0 not there, -1 damaged. */
int check_entity_record(struct check *check, uint32_t number, struct entity_record *ret);

#endif
