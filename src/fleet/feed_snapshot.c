/* SPDX-License-Identifier: ISC */
/* When the publisher makes a snapshot. */
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

/* As many bytes of entries as of records: then the snapshot is the shorter way. What sites need is
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

static int write_snapshot(struct feed *feed, struct store *store, const struct edge_snapshot *known,
                          struct head_snapshot *ret, struct espt_error *err)
{
    const struct edge_files files = feed_files(feed);
    struct edge_snapshot other;
    struct site_pieces for_sites = {0};
    struct txn txn;
    const bool newer = newer_in_journal(feed, &other);
    const struct edge_snapshot *own = feed->which.number > 0 ? &feed->snapshot : NULL;
    int code = txn_begin(&txn, store, false, err);
    if (code == 0 && feed->leads)
        code = site_snapshot_write(feed->fleet, &txn, known, &for_sites, err);
    if (code == 0)
        code = edge_snapshot_write(feed->fleet, &txn, newer ? &other : own, &for_sites, &files, ret,
                                   err);
    txn_abort(&txn);
    site_pieces_clear(&for_sites);
    if (newer)
        edge_snapshot_clear(&other);
    return code;
}

/* The one before stays, unless enough entries came since then: members that are a little behind
   need them. */
static void replace(struct feed *feed, const struct head_snapshot *which,
                    const struct edge_snapshot *snapshot)
{
    if (feed->grown < FEED_SNAPSHOT) {
        edge_snapshot_clear(&feed->snapshot);
    } else {
        edge_snapshot_clear(&feed->before);
        feed->before = feed->snapshot;
        feed->which_before = feed->which;
    }
    feed->snapshot = *snapshot;
    feed->which = *which;
    feed->grown = 0;
    if (feed->which_before.number > 0)
        feed_trim(feed, feed->which_before.number);
}

/* MUST 4, MUST 5 */
static int make_snapshot(struct feed *feed, struct store *store, struct espt_error *err)
{
    const struct edge_files files = feed_files(feed);
    const struct edge_snapshot *known = feed->proved ? &feed->snapshot : NULL;
    struct head_snapshot which;
    struct edge_snapshot snapshot;
    feed->untidy = true; /* a part of it stays if this fails */
    int code = write_snapshot(feed, store, known, &which, err);
    if (code == 0)
        code = edge_snapshot_open(&snapshot, &files, &which, &feed->trust, err);
    if (code != 0)
        return code;
    code = edge_snapshot_prove(&snapshot, &files, err);
    if (code == 0 && feed->leads)
        code = feed_prove_shared(feed, &snapshot, known, err);
    if (code != 0) {
        edge_snapshot_clear(&snapshot);
        return code;
    }
    replace(feed, &which, &snapshot);
    feed->shared = feed->proved = feed->leads;
    feed->broken = false;
    return 0;
}

int feed_snapshot(struct feed *feed, struct store *store, struct espt_error *ret_late,
                  struct espt_error *err)
{
    if (!snapshot_due(feed) || monotonic_ms() < feed->retry)
        return 0;
    const int code = make_snapshot(feed, store, err);
    if (code == 0 || feed->which.number == 0)
        return code;
    feed->retry = monotonic_ms() + RETRY_MS;
    *ret_late = *err;
    return 0;
}
