/* SPDX-License-Identifier: ISC */
/*
 * A walk over a table's records by bounds-checked code, similar to `struct walk` (db.h). It needs a
 * state whose branches owners_prove() found intact. Each leaf is checked completely before its
 * first record is returned.
 */
#ifndef ESPT_STORE_DB_LEAVES_H
#define ESPT_STORE_DB_LEAVES_H

#include "store/db/pages.h"

struct leaves {
    struct pages *pages;
    enum table table;
    struct record_key from; /* the first key wanted; empty: all */
    struct {
        struct page page;
        struct span span;
        uint32_t next; /* index of the next node */
    } level[DEPTH_MAX];
    unsigned depth; /* levels in use; 0: at the end */
    bool started;
    uint64_t number;   /* page number of the leaf */
    const char *wrong; /* the leaf's damage, as text; NULL: none, and the walk may continue */
    struct record_key key;
    struct record_value value;
};

void leaves_begin(struct leaves *ret_leaves, struct pages *pages, enum table table,
                  const struct record_key *from);
/* True: `key` and `value` are those of the next record. False: there is none, or `wrong` names the
   damage. */
ESPT_MUST_USE bool leaves_next(struct leaves *leaves);
/* Skips the damaged leaf. */
void leaves_skip(struct leaves *leaves);
/* The last key of a table. False: there is none, or its leaf is damaged. */
ESPT_MUST_USE bool leaves_last(struct pages *pages, enum table table, struct record_key *ret_key);

#endif
