/* SPDX-License-Identifier: ISC */
/* For tests of the feed with real members: an edge over HTTP, and many changes. */
#ifndef TESTS_FLEET_FEED_MEMBER_H
#define TESTS_FLEET_FEED_MEMBER_H

#include "fleet/publisher.h"
#include "fleet/web.h"

/* Makes a new store whose [fleet] names the feed of that server. It has not joined yet; its name
   is edge-1. */
void feed_member(struct member *ret, const struct fleet_of *fleet, const struct web *web);
/* Lets the first two sites create thousands of tokens for one entity. */
void feed_allow_many(const struct fleet_of *fleet);
/* Writes more than half a megabyte of entries. */
void feed_write_much(const struct fleet_of *fleet, int round);
/* The same, and waits until the feed has them. */
void feed_much(const struct fleet_of *fleet, const struct publisher *publisher, int round);
/* Writes until the feed has made two more snapshots and has dropped the entries with which it
   began. Returns the number of the older of the two snapshots that it keeps. */
uint64_t feed_far(const struct fleet_of *fleet, const struct publisher *publisher);

#endif
