/* SPDX-License-Identifier: ISC */
/* The settings of the http journal: what is refused, passwords, and TLS. */
#include "fleet/http_feed.h"

#include <sys/stat.h>

static struct http_feed feed;
static char said[512];

static void bad_settings(const char *settings, const char *words)
{
    espt_journal *journal = NULL;
    ck_assert_int_eq(
        feed.plugin->open(&journal, settings, "edge-1", ESPT_JOURNAL_EDGE, 1000, said, sizeof said),
        ESPT_JOURNAL_FAILED);
    ck_assert_ptr_null(journal);
    ck_assert_msg(strstr(said, words) != NULL, "%s", said);
    ck_assert_ptr_null(strstr(said, "hunter2"));
}

START_TEST(settings)
{
    espt_journal *journal = NULL;
    feed.plugin = http_plugin();
    ck_assert_int_eq(feed.plugin->open(&journal, "url = http://x\n", "hq", ESPT_JOURNAL_WHOLE, 1000,
                                       said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_ptr_nonnull(strstr(said, "fleet join --edge"));
    bad_settings("", "write url = ");
    bad_settings("url = ftp://x/y\n", "write url = ");
    bad_settings("url = file:///etc\n", "write url = ");
    bad_settings("url = http://me:hunter2@x\n", "no user");
    bad_settings("url = http://x\nurl = http://y\n", "line 2: write url once");
    bad_settings("url = http://x\nuser = a\n", "both user and password");
    bad_settings("url = http://x\nuser = a\npassword = hunter2\n", "readable");
    bad_settings("url = http://127.0.0.1.evil.com\nuser = a\npassword = hunter2\n", "readable");
    bad_settings("url = http://x\nproxy = y\n", "line 2: the settings of");
    bad_settings("url = https://x\nca = ca.pem\n", "ca must begin with /");
    bad_settings("url\n", "line 1: write KEY = VALUE");
}
END_TEST

static int count(void *arg, const char *name, const uint8_t *bytes, size_t len)
{
    *(size_t *)arg += strcmp(name, "edge-1") == 0 && len == 6 && memcmp(bytes, "report", 6) == 0;
    return 0;
}

/* The server requires a password, and the edge sends it. The edge uploads reports and reads its
   own. It ignores the proxy of the environment. */
START_TEST(password_and_reports)
{
    char rules[4096], users[1024], reports[1024];
    snprintf(users, sizeof users, "%s/users", feed.web.folder);
    snprintf(reports, sizeof reports, "%s/reports", feed.web.folder);
    file_text(users, "edge:{PLAIN}hunter2\n");
    ck_assert_int_eq(mkdir(reports, 0755), 0);
    snprintf(rules, sizeof rules,
             "auth_basic x; auth_basic_user_file %s;\n"
             "location /r/ { root %s; dav_methods PUT; create_full_put_path on; }",
             users, reports);
    web_restart(&feed.web, feed.root, rules);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    http_edge_refuses(&feed, feed.web.url, "401");
    struct feed_edge edge;
    size_t reports_seen = 0;
    feed_edge_open(&edge, feed.plugin, &feed.publisher.trust, feed.web.url,
                   "user = edge\npassword = hunter2\n", 5000);
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    const int status = feed.plugin->report_put(edge.journal, "edge-1", (const uint8_t *)"report", 6,
                                               said, sizeof said);
    ck_assert_msg(status == ESPT_JOURNAL_DONE, "%s", said);
    size_t len;
    const char *found = file_read(in_folder(reports, "r/edge-1"), &len);
    ck_assert(found != NULL && len == 6 && memcmp(found, "report", 6) == 0);
    ck_assert_int_eq(feed.plugin->report_put(edge.journal, "../head", (const uint8_t *)"x", 1, said,
                                             sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(
        feed.plugin->report_each(edge.journal, count, &reports_seen, said, sizeof said),
        ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(reports_seen, 1); /* only its own */
    ck_assert_int_eq(feed.plugin->report_put(edge.journal, "edge-2", NULL, 0, said, sizeof said),
                     ESPT_JOURNAL_DONE);
    ck_assert_msg(feed_edge_follow(&edge), "%s", edge.why); /* reading goes on after a PUT */
    feed_edge_close(&edge);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http settings");
    TCase *tests = tcase_create("settings"), *alone = tcase_create("alone");
    tcase_set_timeout(tests, 300);
    http_feed_fixture(tests, &feed);
    tcase_add_test(tests, password_and_reports);
    tcase_add_test(alone, settings);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, alone);
    return run_suite(suite);
}
