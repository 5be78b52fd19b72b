/* SPDX-License-Identifier: ISC */
/* An edge without a store: it joins from the feed's snapshot and follows it, and verifies all that
   a real edge verifies. */
#ifndef TESTS_FLEET_FEED_EDGE_H
#define TESTS_FLEET_FEED_EDGE_H

#include "fleet/edge_snapshot.h"

struct feed_edge {
    const espt_journal_plugin *plugin;
    espt_journal *journal;
    struct fleet_trust trust;
    struct sites sites;
    uint64_t number; /* of the last entry; 0: it has not joined */
    uint8_t hash[FLEET_HASH_LEN];
    struct head head;
    uint64_t records; /* how many the snapshot has */
    char why[1024];
};
/* `url`: the feed. `more`: further lines of settings, or "". `limit_ms`: for each call of the
   plugin. */
void feed_edge_open(struct feed_edge *ret, const espt_journal_plugin *plugin,
                    const struct fleet_trust *trust, const char *url, const char *more,
                    uint32_t limit_ms);
void feed_edge_close(struct feed_edge *edge);
/* False: it failed, `why` has the reason, and the edge keeps its position. */
bool feed_edge_join(struct feed_edge *edge);
/* Takes the new entries and the head. */
bool feed_edge_follow(struct feed_edge *edge);

#endif
