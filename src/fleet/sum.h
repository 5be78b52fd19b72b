/* SPDX-License-Identifier: ISC */
/* The sums over the records that a fleet shares: one over all of them, and one over those that
   edges have, in the form that they have there. Their order does not matter, so they follow from
   the records alone, and one changed record costs two hashes. They find divergence; they are not a
   signature. At an edge, only the second one means something. */
#ifndef ESPT_FLEET_SUM_H
#define ESPT_FLEET_SUM_H

#include "store/db/db.h"

struct sums {
    uint8_t all[FLEET_HASH_LEN], edge[FLEET_HASH_LEN];
};
void sums_add(struct sums *sums, enum table table, const struct record_key *key, const void *value,
              size_t len);
void sums_subtract(struct sums *sums, enum table table, const struct record_key *key,
                   const void *value, size_t len);
/* Whether a fleet shares the table. */
bool table_shared(enum table table);
/* The sums over the whole store. */
void sums_of(struct sums *ret_sums, struct txn *txn);

#endif
