/*
 * The quick proof of check: every table is read once, in its own order, and nothing is looked up.
 * What validators judge by is held against the tokens side by side; an index and the records that
 * it must lead to are each added up to a sum of keyed hashes (SipHash-2-4 of 128 bits, under a key
 * drawn for this run), and the two sums must be the same.
 *
 * It says only whether all is whole. What is wrong, where it is not, the slower search finds.
 */
#ifndef ESPT_STORE_PROVE_H
#define ESPT_STORE_PROVE_H

#include "store/check.h"

/* What is kept of each entity, by its number: some 32 bytes. */
struct fact {
    uint64_t print; /* hash of all that auth repeats of it */
    uint32_t tokens, customers;
    uint32_t seen_tokens, seen_customers;
    uint32_t reseller;
    uint8_t tier; /* its place in the tier table, from 1; 0: not there */
    bool there, is_reseller;
};

struct facts {
    struct fact *fact; /* owned; by number */
    uint64_t count;
};

/* True: every record opens, and indexes, counts and records agree. False: they do not, or it cannot
   be told (out of memory); or a transaction has failed. `beside` is a check of the same snapshot by
   a transaction of its own, which half of the work is given to in a thread; NULL: there is none,
   and one half follows the other. The log is proven too, and told apart. */
bool prove(struct check *check, struct check *beside, const struct tier_table *tiers,
           struct facts *ret_facts, bool *ret_log_whole);
void facts_clear(struct facts *facts);

#endif
