/* SPDX-License-Identifier: ISC */
/*
 * The quick proof of check: bounds-checked code (leaves.h) reads every table once, in its own
 * order, and looks nothing up.
 *
 * The records of auth are compared with the tokens side by side. For an index and for the records
 * to which it must lead, sums of keyed hashes (SipHash-2-4 with 128 bits, under a key drawn for
 * this run) are computed, and the two sums must be equal.
 *
 * The result is only whether everything is sound. If it is not, the slower check finds what is
 * wrong.
 */
#ifndef ESPT_STORE_CHECK_PROVE_H
#define ESPT_STORE_CHECK_PROVE_H

#include "store/check/findings.h"

/* Facts about one entity, about 32 bytes. The array index is its number. */
struct fact {
    uint64_t print; /* hash of all facts that auth repeats of it */
    uint32_t tokens, customers;
    uint32_t seen_tokens, seen_customers;
    uint32_t reseller;
    uint8_t tier; /* index in the tier table, from 1; 0: not there */
    bool there, is_reseller;
};

struct facts {
    struct fact *fact; /* owned; the index is the entity's number */
    uint64_t count;
    bool has_odd_names; /* a token's name is not ASCII (names.c) */
    bool as_logged;     /* false: a token has another status or expiration than the log says */
};

/* Proves a state whose pages owners_prove() found sound, and which `check->pages` has taken. True:
   every record can be decoded, and indexes, counts and records agree. False: they do not, or memory
   ran out. `beside` counts the steps of the thread that does half of the work. The log is proved as
   well, with a result of its own. */
bool prove(struct check *check, struct check *beside, const struct tier_table *tiers,
           struct facts *ret_facts, bool *ret_log_whole);
void facts_clear(struct facts *facts);

#endif
