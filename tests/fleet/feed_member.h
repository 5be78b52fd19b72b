/* SPDX-License-Identifier: ISC */
/* For tests of the feed with real members: an edge over HTTP, and many changes. */
#ifndef TESTS_FLEET_FEED_MEMBER_H
#define TESTS_FLEET_FEED_MEMBER_H

#include "fleet/publisher.h"
#include "fleet/web.h"

/* A new store with [fleet] for the journal at that server; it has joined nothing. Its name is
   edge-1. */
void feed_member(struct member *ret, const struct fleet_of *fleet, const struct web *web);
/* Lets the first two sites create thousands of tokens for one entity. */
void feed_allow_many(const struct fleet_of *fleet);
/* More than half a megabyte of entries. */
void feed_write_much(const struct fleet_of *fleet, int round);
/* The same; they are in the feed afterwards. */
void feed_much(const struct fleet_of *fleet, const struct publisher *publisher, int round);
/* So many of them that the feed has two snapshots more, and begins after what it began with.
   Returns the number of the older of the two that it keeps. */
uint64_t feed_far(const struct fleet_of *fleet, const struct publisher *publisher);

#endif
