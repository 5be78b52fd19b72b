/* SPDX-License-Identifier: ISC */
/*
 * Following: what the daemon of a site or an edge does again and again. Validators read the same
 * store meanwhile, and wait for nothing of it.
 *
 * MUST 1: one process follows for a store at a time.
 * MUST 2: a failure leaves the store at an entry that sites have signed, and the next step tries
 *         again: a journal that cannot be reached, a full disk and a refused entry end nothing.
 */
#ifndef ESPT_FLEET_FOLLOW_H
#define ESPT_FLEET_FOLLOW_H

#include "fleet/fleet.h"

struct follower {
    struct fleet *fleet;
    struct store *store;
    int lock;                  /* STORE.follow */
    struct fleet_place place;  /* after the last step */
    bool rejoined;             /* the last step put a snapshot */
    int64_t retry;             /* monotonic milliseconds: no snapshot is tried before */
    int64_t pause;             /* milliseconds before that; 0: the last try did not fail */
    struct espt_error failure; /* of the last try */
};

/* Both must outlive the follower. ESPT_REFUSED: the store belongs to no fleet. ESPT_UNUSABLE:
   another process follows. */
ESPT_MUST_USE int follower_begin(struct follower *ret, struct fleet *fleet, struct store *store,
                                 struct espt_error *err);
void follower_end(struct follower *follower);
/* Applies new entries, as many as one transaction takes; if there are none, takes the newest head.
   *ret_entries is how many, also if it fails: unless 0, call it again at once. An edge whose next
   entry the journal no longer has begins again with the snapshot that the head names, which counts
   as one entry. ESPT_REFUSED: the store became that of another fleet, or another kind of member, so
   this process cannot go on. */
ESPT_MUST_USE int follower_step(struct follower *follower, uint64_t *ret_entries,
                                struct espt_error *err);
/* Returns 1 when there may be something new, 0 after `wait_ms`. Only a hint. It holds no
   lock and no slot of the store. */
ESPT_MUST_USE int follower_wait(struct follower *follower, uint32_t wait_ms,
                                struct espt_error *err);

#endif
