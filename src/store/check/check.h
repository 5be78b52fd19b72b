/* SPDX-License-Identifier: ISC */
/* The detailed check, which finds what is wrong. Pages, tables, indexes and what depends on the
   tier table have one file each. */
#ifndef ESPT_STORE_CHECK_CHECK_H
#define ESPT_STORE_CHECK_CHECK_H

#include "store/check/findings.h"

/* The findings that depend on the tier table, for a store that the quick proof found sound. */
struct facts;
void check_proven(struct check *check, const struct tier_table *tiers, const struct facts *facts);
/* Checks the pages before liblmdb reads anything (pages.c). Takes the state of the transaction.
   LOCK_BUSY: a writer committed meanwhile; begin the transaction again. `ret_sound`: the trees may
   be followed. */
ESPT_MUST_USE int check_pages(struct check *check, bool *ret_sound, struct espt_error *err);
/* Checks every leaf of every table, and reports what the quick proof found wrong. True: they may be
   read. */
bool check_leaves(struct check *check);
/* Reports the first fault of the log (indexes.c). */
void check_log(struct check *check);

#define NO_TOKEN "it should have at least one token; run 'esp-tokenctl create' to make one"

/* The findings that depend on the tier table, for one entity; `reseller_tier` is its reseller's,
   NULL: none. */
void check_entity_tier(struct check *check, const struct tier_table *tiers,
                       const struct entity_record *entity, const char *reseller_tier);
/* Checks every index (indexes.c), and at an edge the auth records too. */
void check_indexes(struct check *check);
/* Checks what only an edge has, or must not have (edge.c). */
void check_edge(struct check *check);
/* Finds the names that this version would refuse (names.c): those that cannot be seen, and those of
   one entity that are the same in NFC. */
void check_token_names(struct check *check);

#endif
