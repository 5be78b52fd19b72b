/* SPDX-License-Identifier: ISC */
/* A feed with pieces, shown by nginx and a cache, and edges of feed_edge.h that read it. */
#ifndef TESTS_FLEET_HTTP_FEED_H
#define TESTS_FLEET_HTTP_FEED_H

#include "fleet/publisher.h"
#include "fleet/web.h"

struct http_feed {
    struct fleet_of fleet;
    struct publisher publisher;
    struct web web;
    const char *root; /* what nginx shows: a copy of the feed */
    const char *kept; /* a folder: fleet and feed as they were made */
    const espt_journal_plugin *plugin;
};
/* The plugin. */
const espt_journal_plugin *http_plugin(void);
/* For each test of the case *feed is a fleet of one site, with more entries than a head carries. It
   is made once, and published and shown as it was made for each test. */
void http_feed_fixture(TCase *tcase, struct http_feed *feed);
/* Shows the feed as it is now, whole. */
void http_feed_show(const struct http_feed *feed);
/* Changes the fleet, until the publisher has published it. */
void http_feed_change(const struct http_feed *feed, int round);
/* The path of the first file whose name has the prefix; NULL: of the first piece of entries. */
const char *http_feed_file(const struct http_feed *feed, const char *prefix);

struct feed_edge http_edge(const struct http_feed *feed, const char *url);
/* A new edge joins. */
void http_edge_joins(const struct http_feed *feed, const char *url);
/* A new edge does not join, and says the words. */
void http_edge_refuses(const struct http_feed *feed, const char *url, const char *words);

#endif
