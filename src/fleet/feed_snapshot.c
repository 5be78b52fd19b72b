/* SPDX-License-Identifier: ISC */
/* When the publisher makes a snapshot for edges, and what it drops then. MUST 4 of feed.h. */
#include "common/clock.h"
#include "fleet/feed.h"

#include <string.h>

#define RETRY_MS 60000 /* after a snapshot that failed */

static uint64_t snapshot_bytes(const struct feed *feed)
{
    uint64_t sum = feed->which.len;
    for (uint32_t i = 0; i < feed->snapshot.count; i++)
        sum += feed->snapshot.pieces[i].len;
    return sum;
}

/* As many bytes of entries as of records: then the snapshot is the shorter way. */
static bool snapshot_due(const struct feed *feed)
{
    return feed->which.number == 0 ||
           (feed->grown >= FEED_SNAPSHOT && feed->grown >= snapshot_bytes(feed));
}

static bool holds(const struct edge_snapshot *snapshot, const struct edge_piece *piece)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (snapshot->pieces[i].len == piece->len &&
            memcmp(snapshot->pieces[i].hash, piece->hash, sizeof piece->hash) == 0)
            return true;
    }
    return false;
}

/* The journal keeps the last two snapshots: an edge may be reading the one before. */
static int drop_before(struct feed *feed, const struct edge_snapshot *new, struct espt_error *err)
{
    const struct edge_snapshot *before = &feed->before;
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    int code = 0;
    for (uint32_t i = 0; code >= 0 && i < before->count; i++) {
        const struct edge_piece *piece = &before->pieces[i];
        edge_file_name(piece->len, piece->hash, name);
        if (!holds(&feed->snapshot, piece) && !holds(new, piece))
            code = journal_drop(feed->fleet, name, err);
    }
    if (code >= 0 && feed->which_before.number > 0) {
        edge_file_name(feed->which_before.len, feed->which_before.hash, name);
        code = journal_drop(feed->fleet, name, err);
    }
    return code < 0 ? code : 0;
}

static int write_snapshot(struct feed *feed, struct store *store, struct head_snapshot *ret,
                          struct espt_error *err)
{
    const struct edge_files files = feed_files(feed);
    struct txn txn;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    code = edge_snapshot_write(feed->fleet, &txn, feed->which.number > 0 ? &feed->snapshot : NULL,
                               NULL, &files, ret, err);
    txn_abort(&txn);
    return code;
}

/* MUST 4 */
static int make_snapshot(struct feed *feed, struct store *store, struct espt_error *err)
{
    const struct edge_files files = feed_files(feed);
    struct head_snapshot which;
    struct edge_snapshot snapshot;
    int code = write_snapshot(feed, store, &which, err);
    if (code == 0)
        code = edge_snapshot_open(&snapshot, &files, &which, &feed->trust, err);
    if (code != 0)
        return code;
    code = edge_snapshot_prove(&snapshot, &files, err);
    if (code == 0)
        code = drop_before(feed, &snapshot, err);
    if (code != 0) {
        edge_snapshot_clear(&snapshot);
        return code;
    }
    edge_snapshot_clear(&feed->before);
    feed->before = feed->snapshot;
    feed->which_before = feed->which;
    feed->snapshot = snapshot;
    feed->which = which;
    feed->grown = 0;
    if (feed->which_before.number > 0)
        feed_trim(feed, feed->which_before.number);
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
