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
    const char *kept; /* a folder with the initial state of fleet and feed */
    const espt_journal_plugin *plugin;
};
/* The http journal, loaded. */
const espt_journal_plugin *http_plugin(void);
/* Gives each test of the case a fleet of one site, in *feed, with more entries than a head carries.
   The fleet is made once; each test begins with its initial state, published and served. */
void http_feed_fixture(TCase *tcase, struct http_feed *feed);
/* Copies the publisher's feed to what nginx serves. */
void http_feed_show(const struct http_feed *feed);
/* Makes a change, and waits until the publisher has published it. */
void http_feed_change(const struct http_feed *feed, int round);
/* The path of the first served file whose name has the prefix; NULL: the first piece of entries. */
const char *http_feed_file(const struct http_feed *feed, const char *prefix);

struct feed_edge http_edge(const struct http_feed *feed, const char *url);
/* Asserts that a new edge can join. */
void http_edge_joins(const struct http_feed *feed, const char *url);
/* Asserts that a new edge fails to join, with these words in the reason. */
void http_edge_refuses(const struct http_feed *feed, const char *url, const char *words);

#endif
