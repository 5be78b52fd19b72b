/* SPDX-License-Identifier: ISC */
/* The http journal with caches that are out of date, or wrong. */
#include "fleet/http_feed.h"

#include <time.h>
#include <unistd.h>

static struct http_feed feed;
static char said[512];

/* An edge ignores a head from a cache that is older than its own state, and loses nothing. It goes
   on when the cache is ahead again. */
START_TEST(older_head)
{
    size_t len;
    struct feed_edge edge;
    const char *old = file_read(in_folder(feed.root, "head"), &len);
    http_feed_change(&feed, 0);
    http_feed_show(&feed);
    edge = http_edge(&feed, feed.web.url);
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    const uint64_t number = edge.number;
    file_write(in_folder(feed.root, "head"), old, len, 0644);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL); /* past AGAIN_MS of head.c */
    feed_edge_follow(&edge);
    ck_assert_uint_eq(edge.number, number);
    ck_assert_uint_ge(edge.head.number, number);
    http_feed_change(&feed, 1);
    http_feed_show(&feed);
    AWAIT(feed_edge_follow(&edge) && edge.number == number + 1);
    feed_edge_close(&edge);
}
END_TEST

/* A cache answers wrongly, and the server behind it correctly: the second attempt bypasses the
   cache. */
START_TEST(wrong_cache)
{
    static const char *const rules[] = {
        "location /p/edge- { if ($http_pragma = '') { return 200 'old'; } }",
        "location ~ /p/[0-9] { if ($http_pragma = '') { return 503; } }",
        "location = /head { if ($http_pragma = '') { rewrite ^ /old break; } }",
        "location = /head { if ($http_pragma = '') { return 404; } }",
    };
    size_t len;
    const char *old = file_read(in_folder(feed.root, "head"), &len);
    http_feed_change(&feed, 0);
    http_feed_show(&feed);
    file_write(in_folder(feed.root, "old"), old, len, 0644);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct feed_edge edge = http_edge(&feed, feed.web.url);
        ck_assert_msg(i != 2 || feed_edge_join(&edge), "%s", edge.why);
        web_restart(&feed.web, feed.root, rules[i]);
        if (i == 2) /* asks anew */
            feed.plugin->wait(edge.journal, edge.number, 300, said, sizeof said);
        ck_assert_msg(i == 2 ? feed_edge_follow(&edge) : feed_edge_join(&edge), "%zu: %s", i,
                      edge.why);
        ck_assert_uint_eq(edge.number, fleet_entry(&feed.fleet, 0));
        feed_edge_close(&edge);
    }
}
END_TEST

/* The server no longer has a piece that the cached head names: the edge fetches the head again. */
START_TEST(stale_cache)
{
    char path[4096];
    struct feed_edge edge = http_edge(&feed, feed.web.cache_url);
    snprintf(path, sizeof path, "%s", http_feed_file(&feed, NULL));
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    for (int i = 0; i < 30; i++)
        http_feed_change(&feed, i);
    http_feed_show(&feed);
    ck_assert_int_eq(unlink(path), 0);
    struct feed_edge other =
        http_edge(&feed, feed.web.cache_url); /* the first piece is in the cache */
    ck_assert_msg(feed_edge_join(&other), "%s", other.why);
    AWAIT(feed_edge_follow(&edge) && edge.number == fleet_entry(&feed.fleet, 0));
    feed_edge_close(&edge);
    feed_edge_close(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http caches");
    TCase *tests = tcase_create("caches");
    tcase_set_timeout(tests, 300);
    http_feed_fixture(tests, &feed);
    tcase_add_test(tests, older_head);
    tcase_add_test(tests, wrong_cache);
    tcase_add_test(tests, stale_cache);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
