/* SPDX-License-Identifier: ISC */
/*
 * Each page of a store has one owner. Either a tree uses it (the main database, a table, or the
 * list of free pages), or that list names it as free. LMDB overwrites every page that is listed as
 * free.
 *
 * The branches of each tree show which pages it uses. Only leaves that lead to other pages are
 * read: those of the main database, of the log (long entries have overflow pages) and of the list
 * itself.
 */
#ifndef ESPT_STORE_DB_PAGE_OWNERS_H
#define ESPT_STORE_DB_PAGE_OWNERS_H

#include "store/db/pages.h"

/* Receives a page number and what is wrong with that page. */
typedef void (*owners_fn)(void *arg, uint64_t page, const char *fault);

struct owners {
    struct pages *pages;
    owners_fn fn; /* NULL: the caller needs only the count */
    void *arg;
    uint8_t *owner;    /* one byte for each page */
    size_t faults;     /* number of faults; each was passed to `fn` */
    bool trees_whole;  /* the main database and the tables are intact */
    uint64_t unlisted; /* pages that are neither used nor free: lost space, but no danger */
    uint64_t first_unlisted;
    struct { /* the tree that is being walked */
        uint64_t branches, leaves, overflows, entries;
    } seen;
};

/* Proves that each page has one owner, in the state that `pages` has read. The store is sound if
   `faults` is 0. Negative: out of memory. Call owners_clear() afterwards in any case. */
ESPT_MUST_USE int owners_prove(struct owners *ret_owners, struct pages *pages, owners_fn fn,
                               void *arg, struct espt_error *err);
void owners_clear(struct owners *owners);

/* Proves the same for a file that is not a store yet, before liblmdb opens it. ESPT_UNUSABLE names
   the first fault, followed by `remedy`, or says why the file cannot be read. */
ESPT_MUST_USE int owners_prove_file(const struct config *config, const char *remedy,
                                    struct espt_error *err);

#endif
