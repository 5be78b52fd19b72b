/* SPDX-License-Identifier: ISC */
/* A fleet whose publisher has trimmed the journal. */
#ifndef TESTS_FLEET_TRIMMED_H
#define TESTS_FLEET_TRIMMED_H

#include "fleet/feed_member.h"

/* The first entry of the journal. */
uint64_t journal_first(const struct fleet_of *fleet);
/* Whether it is that entry or a later one. */
bool journal_begins(const struct fleet_of *fleet, uint64_t first);
/* The head in the journal, which is a folder. False: there is none, or no good one. */
bool journal_head(const struct fleet_of *fleet, struct head *ret);
/* Puts that head there as if that site had signed it at that time. */
void sign_head(const struct fleet_of *fleet, int site, int64_t time);
/* Writes so much that the publisher, which runs, has two snapshots more; and waits until it has
   trimmed the journal behind the older one. */
void trim_far(const struct fleet_of *fleet, const struct publisher *publisher);
/* A new machine with what it needs to join. Its site 0 is the machine. */
void newcomer(const struct fleet_of *fleet, struct fleet_of *ret);
/* A new site and a new edge join, and have what the fleet has. */
void newcomers_join(const struct fleet_of *fleet);

#endif
