/* SPDX-License-Identifier: ISC */
/* When the publisher makes a snapshot. A child does the work (feed_child.h). */
#include "common/clock.h"
#include "fleet/feed.h"
#include "fleet/site_snapshot.h"

#include <string.h>

#define RETRY_MS 60000 /* after a snapshot that failed */

static uint64_t snapshot_bytes(const struct feed *feed)
{
    uint64_t sum = feed->which.len;
    for (uint32_t i = 0; i < feed->snapshot.count; i++)
        sum += feed->snapshot.pieces[i].len;
    for (uint32_t i = 0; i < feed->snapshot.site_count; i++)
        sum += feed->snapshot.site_pieces[i].len / FEED_LOG_SHARE;
    return sum;
}

/* With as many bytes of entries as of records, the snapshot is the shorter way. What sites need is
   larger, but most of it is the log, whose pieces stay. */
static bool snapshot_due(const struct feed *feed)
{
    return feed->which.number == 0 || (feed->leads && !feed->shared) ||
           (feed->grown >= FEED_SNAPSHOT && feed->grown >= snapshot_bytes(feed));
}

/* The journal may have lost the older changes of the list of sites, so they come from a snapshot:
   from that of the journal, if it is newer. 1: *ret is it. 0: ours, if there is one. */
static int newer_in_journal(struct feed *feed, struct edge_snapshot *ret)
{
    const struct edge_files files = edge_files_of(feed->fleet);
    struct espt_error ignored;
    return feed->in_journal.number > feed->which.number &&
           edge_snapshot_open(ret, &files, &feed->in_journal, &feed->trust, &ignored) == 0;
}

/* --- in the child --- */

static int write_snapshot(struct feed *feed, struct txn *txn, const struct edge_snapshot *known,
                          struct head_snapshot *ret, struct espt_error *err)
{
    const struct edge_files files = feed_files(feed);
    struct edge_snapshot other;
    struct site_pieces for_sites = {0};
    const bool newer = newer_in_journal(feed, &other);
    const struct edge_snapshot *own = feed->which.number > 0 ? &feed->snapshot : NULL;
    int code = feed->leads ? site_snapshot_write(feed->fleet, txn, known, &for_sites, err) : 0;
    if (code == 0)
        code = edge_snapshot_write(feed->fleet, txn, newer ? &other : own, &for_sites, &files, ret,
                                   err);
    site_pieces_clear(&for_sites);
    if (newer)
        edge_snapshot_clear(&other);
    return code;
}

static int write_state(struct feed *feed, const struct edge_snapshot *known,
                       struct head_snapshot *ret, struct espt_error *err)
{
    struct store *store = NULL;
    struct txn txn;
    int code = store_open(&store, feed->fleet->config, err);
    if (code == 0)
        code = txn_begin(&txn, store, false, err);
    if (code == 0) {
        code = write_snapshot(feed, &txn, known, ret, err);
        txn_abort(&txn);
    }
    store_close(store);
    return code;
}

/* MUST 4, MUST 5 */
static int make(struct feed *feed, struct head_snapshot *ret, struct espt_error *err)
{
    const struct edge_files files = feed_files(feed);
    const struct edge_snapshot *known = feed->proved ? &feed->snapshot : NULL;
    struct edge_snapshot snapshot;
    int code = write_state(feed, known, ret, err);
    if (code == 0)
        code = edge_snapshot_open(&snapshot, &files, ret, &feed->trust, err);
    if (code != 0)
        return code;
    code = edge_snapshot_prove(&snapshot, &files, err);
    if (code == 0 && feed->leads)
        code = feed_prove_shared(feed, &snapshot, known, err);
    edge_snapshot_clear(&snapshot);
    return code;
}

static int prove(struct feed *feed, struct head_snapshot *ret, struct espt_error *err)
{
    *ret = feed->which;
    return feed_prove_shared(feed, &feed->snapshot, NULL, err);
}

/* --- in the publisher --- */

/* `before` stays unless enough entries came after `snapshot`: members that are a little behind need
   the entries since `before`. */
static void replace(struct feed *feed, const struct head_snapshot *which,
                    const struct edge_snapshot *snapshot)
{
    if (feed->child.grown < FEED_SNAPSHOT) {
        edge_snapshot_clear(&feed->snapshot);
    } else {
        edge_snapshot_clear(&feed->before);
        feed->before = feed->snapshot;
        feed->which_before = feed->which;
    }
    feed->snapshot = *snapshot;
    feed->which = *which;
    feed->grown -= feed->child.grown;
    if (feed->which_before.number > 0)
        feed_trim(feed, feed->which_before.number);
}

/* While the child worked, the journal may have been set back, and the store may have joined
   again. */
static int require_entry(struct feed *feed, const struct fleet_position *position,
                         struct espt_error *err)
{
    bool has = false;
    int code = fleet_has_entry(feed->fleet, position->number, position->hash, &has, err);
    if (code == 0 && !has)
        code =
            espt_fail(err, ESPT_UNUSABLE,
                      "a new snapshot stands at entry %llu, but the fleet's journal does not have "
                      "that entry any more, or has another one; another snapshot is made",
                      (unsigned long long)position->number);
    return code;
}

static int take_made(struct feed *feed, const struct head_snapshot *which, bool led,
                     struct espt_error *err)
{
    const struct edge_files files = feed_files(feed);
    struct edge_snapshot snapshot;
    int code = edge_snapshot_open(&snapshot, &files, which, &feed->trust, err);
    if (code != 0)
        return code;
    code = require_entry(feed, &snapshot.position, err);
    if (code != 0) {
        edge_snapshot_clear(&snapshot);
        return code;
    }
    replace(feed, which, &snapshot);
    feed->shared = feed->proved = led;
    feed->broken = false;
    return 0;
}

static void take_proof(struct feed *feed, bool good)
{
    feed->proved = good;
    feed->unproved = false;
    if (!good) {
        feed->shared = false;
        feed->broken = true; /* another one is made */
    }
}

/* A failure fails the step only if there is no older snapshot. */
static int late(struct feed *feed, int code, struct espt_error *ret_late,
                const struct espt_error *err)
{
    if (code == 0 || feed->which.number == 0)
        return code;
    feed->retry = monotonic_ms() + RETRY_MS;
    *ret_late = *err;
    return 0;
}

int feed_snapshot_take(struct feed *feed, struct espt_error *ret_late, struct espt_error *err)
{
    struct head_snapshot which;
    /* another publisher that led meanwhile may have removed what the child has put */
    const bool led = feed->child.leads && feed->leads && feed->child.other == feed->other;
    int code = feed_child_answer(feed, &which, err);
    if (code != 0 && feed->child.work == prove) {
        take_proof(feed, code > 0 && led);
        if (code < 0)
            *ret_late = *err;
        return 0;
    }
    if (code > 0)
        code = take_made(feed, &which, led, err);
    return late(feed, code, ret_late, err);
}

int feed_snapshot_begin(struct feed *feed, struct store *store, struct espt_error *ret_late,
                        struct espt_error *err)
{
    feed_work work = feed->unproved ? prove : NULL;
    if (snapshot_due(feed) && monotonic_ms() >= feed->retry && !feed->dropping)
        work = make;
    if (feed_child_works(feed) || work == NULL)
        return 0;
    if (work == make)
        feed->untidy = true; /* a part of it stays if this fails */
    store_rest(store);       /* LMDB knows a process by its id */
    return late(feed, feed_child_begin(feed, work, err), ret_late, err);
}
