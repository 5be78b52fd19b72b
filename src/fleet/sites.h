/* SPDX-License-Identifier: ISC */
/*
 * Which keys may sign entries, and which edges may report uses. The log records each change of the
 * list as a note that names the change before it; the state record names the last one. So the list
 * is part of the chain, and each entry is checked against the list that was in force before it.
 * Sites and edges share one list and its names; the key of an edge signs no entry.
 */
#ifndef ESPT_FLEET_SITES_H
#define ESPT_FLEET_SITES_H

#include "fleet/entry.h"
#include "store/changes.h"

struct site_change {
    bool added;
    bool edge; /* an edge, and no site */
    char name[SITE_NAME_MAX + 1];
    uint8_t key[SITE_KEY_LEN]; /* if `added` */
    uint64_t before;           /* number of the entry that changed the list before; 0: none */
};
/* The note for the log. */
void site_change_note(const struct site_change *change, struct change *ret_note);
/* 1: the log's entry of that number changes the list of sites. 0: it does not, or there is none.
   Negative: the transaction has failed. */
int site_change_of(struct txn *txn, uint64_t number, struct site_change *ret_change);

/* Puts the change into the log of an edge, under the number of the entry that makes it. */
void site_change_put(struct txn *txn, uint64_t number, const struct site_change *change);

#define SITES_MAX 1000
#define EDGES_MAX 2000
struct site {
    bool edge;
    char name[SITE_NAME_MAX + 1];
    uint8_t key[SITE_KEY_LEN];
    uint64_t since; /* number of the entry that added it */
};
struct sites {
    struct site *items; /* in order of name; owned */
    size_t count;
    uint64_t from; /* position.sites when the list was read */
};
/* Reads the list that is in force in this transaction's state. */
ESPT_MUST_USE int sites_read(struct sites *ret, struct txn *txn);
void sites_clear(struct sites *sites);
/* The site of that name; an edge is none. */
const struct site *sites_find(const struct sites *sites, const char *name);
/* The site or edge of that name. */
const struct site *sites_member(const struct sites *sites, const char *name);
/* How many are edges, or sites. */
size_t sites_count(const struct sites *sites, bool edge);

#endif
