/* SPDX-License-Identifier: ISC */
/*
 * A child process of the publisher, for work that takes minutes in a large fleet: it makes a
 * snapshot or proves one, while the publisher goes on with entries and heads.
 *
 * MUST 1: the child has nothing of the publisher's store, journal and lock: it closes what it
 *         inherited, and opens its own.
 * MUST 2: it ends with the publisher, however that ends. No head names what it has written until
 *         then.
 */
#ifndef ESPT_FLEET_FEED_CHILD_H
#define ESPT_FLEET_FEED_CHILD_H

#include "fleet/head.h"

#include <sys/types.h>

struct feed;

/* What the child does. *ret is the snapshot that it made or proved. */
typedef int (*feed_work)(struct feed *feed, struct head_snapshot *ret, struct espt_error *err);

struct feed_child {
    pid_t pid;      /* 0: there is none */
    feed_work work; /* of the last one */
    int told;       /* a socket: what the child says */
    int64_t heard;  /* when it said something, monotonic milliseconds */
    bool leads;     /* it began while this publisher led */
    int64_t other;  /* feed->other then */
    uint64_t grown; /* feed->grown then */
    /* In the child: the publisher's journal, left as it is. Closing it would tell the server to end
       the publisher's connection. */
    void *inherited;
};

/* Begins the work in a child; there is none yet. No transaction is open. */
ESPT_MUST_USE int feed_child_begin(struct feed *feed, feed_work work, struct espt_error *err);
/* Whether a child works. */
bool feed_child_works(const struct feed *feed);
/* 1: it has ended, and *ret is what it made or proved. 0: there is none, or it still works.
   Negative: it has failed. */
ESPT_MUST_USE int feed_child_answer(struct feed *feed, struct head_snapshot *ret,
                                    struct espt_error *err);
/* Ends it, if there is one. */
void feed_child_stop(struct feed *feed);

#endif
