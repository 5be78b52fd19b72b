/* SPDX-License-Identifier: ISC */
#include "fleet/http_feed.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/stat.h>

const espt_journal_plugin *http_plugin(void)
{
    const espt_journal_plugin *(*get)(uint32_t abi);
    void *library = dlopen(OUT "/esp_journal_http.so", RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    *(void **)(void *)&get = dlsym(library, "espt_journal_get");
    return get(ESPT_JOURNAL_ABI);
}

void http_feed_show(const struct http_feed *feed)
{
    const char *copy[] = {
        "sh",       "-c", "rm -rf \"$2\"/* && cp -R \"$1\"/. \"$2\"", "sh", feed->publisher.feed,
        feed->root, NULL};
    ck_assert_int_eq(run_process(copy, NULL).status, 0);
}

void http_feed_change(const struct http_feed *feed, int round)
{
    DONE(feed->fleet.site[0], "entity", "edit", "acme", "--status",
         round % 2 ? "active" : "inactive");
    publisher_await(&feed->publisher, fleet_last(&feed->fleet));
}

static struct http_feed *current;

static void make(void)
{
    struct http_feed *ret = current;
    fleet_begin(&ret->fleet, 1);
    publisher_prepare(&ret->publisher, &ret->fleet);
    publisher_start(&ret->publisher);
    publisher_await(&ret->publisher, 1);
    for (int i = 0; i < 26; i++)
        http_feed_change(ret, i);
    ck_assert_int_eq(publisher_end(&ret->publisher, SIGTERM), 0);
    ret->kept = temp_folder();
    fleet_copy(&ret->fleet, 1, ret->kept, false);
    folder_copy(ret->publisher.feed, in_folder(ret->kept, "feed"));
}

/* Compares lengths: successive heads never have the same length. */
static bool head_is_new(const struct http_feed *feed)
{
    struct stat was, is;
    ck_assert_int_eq(stat(in_folder(feed->kept, "feed/head"), &was), 0);
    ck_assert_int_eq(stat(in_folder(feed->publisher.feed, "head"), &is), 0);
    return is.st_size != was.st_size;
}

static void begin(void)
{
    struct http_feed *feed = current;
    feed->plugin = http_plugin();
    fleet_copy(&feed->fleet, 1, feed->kept, true);
    folder_copy(in_folder(feed->kept, "feed"), feed->publisher.feed);
    publisher_start(&feed->publisher);
    AWAIT(head_is_new(feed)); /* it writes one when it starts; then the feed can be copied */
    feed->root = temp_folder();
    http_feed_show(feed);
    web_start(&feed->web, feed->root, "");
}

static void end(void)
{
    if (current->publisher.pid != 0)
        publisher_end(&current->publisher, SIGKILL);
    web_stop(&current->web);
}

void http_feed_fixture(TCase *tcase, struct http_feed *feed)
{
    current = feed;
    tcase_add_unchecked_fixture(tcase, make, NULL);
    tcase_add_checked_fixture(tcase, begin, end);
}

const char *http_feed_file(const struct http_feed *feed, const char *prefix)
{
    static char path[4096];
    const char *ls[] = {"sh", "-c",       "ls -d \"$1\"/p/$2* | head -n 1",
                        "sh", feed->root, prefix != NULL ? prefix : "[0-9]",
                        NULL};
    snprintf(path, sizeof path, "%s", run_process(ls, NULL).out);
    path[strcspn(path, "\n")] = '\0';
    ck_assert(path[0] != '\0');
    return path;
}

struct feed_edge http_edge(const struct http_feed *feed, const char *url)
{
    struct feed_edge edge;
    feed_edge_open(&edge, http_plugin(), &feed->publisher.trust, url, "", 5000);
    return edge;
}

void http_edge_joins(const struct http_feed *feed, const char *url)
{
    struct feed_edge edge = http_edge(feed, url);
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    ck_assert_uint_eq(edge.number, fleet_entry(&feed->fleet, 0));
    feed_edge_close(&edge);
}

void http_edge_refuses(const struct http_feed *feed, const char *url, const char *words)
{
    struct feed_edge edge = http_edge(feed, url);
    ck_assert(!feed_edge_join(&edge));
    ck_assert_msg(strstr(edge.why, words) != NULL, "%s", edge.why);
    feed_edge_close(&edge);
}
