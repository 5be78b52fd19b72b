/* SPDX-License-Identifier: ISC */
/* The http journal, over a real nginx and a cache: what an edge reads, and what it does not take.
 */
#include "fleet/publisher.h"
#include "fleet/web.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct fleet_of fleet;
static struct publisher publisher;
static struct web web;
static const espt_journal_plugin *plugin;
static const char *root; /* what nginx shows: a copy of the feed */
static char said[512];

static void load(void)
{
    const espt_journal_plugin *(*get)(uint32_t abi);
    void *library = dlopen(OUT "/esp_journal_http.so", RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    *(void **)(void *)&get = dlsym(library, "espt_journal_get");
    ck_assert_ptr_null(get(ESPT_JOURNAL_ABI + 0x10000u));
    plugin = get(ESPT_JOURNAL_ABI);
    ck_assert_str_eq(plugin->kind, "http");
}

/* Shows the feed as it is now, whole. */
static void show(void)
{
    const char *copy[] = {
        "sh", "-c", "rm -rf \"$2\"/* && cp -R \"$1\"/. \"$2\"", "sh", publisher.feed, root, NULL};
    ck_assert_int_eq(run_process(copy, NULL).status, 0);
}

/* Changes the fleet, until the publisher has published it. */
static void change(int i)
{
    DONE(fleet.site[0], "entity", "edit", "acme", "--status", i % 2 ? "active" : "inactive");
    publisher_await(&publisher, fleet_entry(&fleet, 0));
}

/* A feed with pieces: the entries are more than a head carries. */
static void setup(void)
{
    load();
    fleet_begin(&fleet, 1);
    publisher_prepare(&publisher, &fleet);
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    for (int i = 0; i < 26; i++)
        change(i);
    root = temp_folder();
    show();
    web_start(&web, root, "");
}

static void teardown(void)
{
    if (publisher.pid != 0)
        publisher_end(&publisher, SIGKILL);
    web_stop(&web);
}

static struct feed_edge opened(const char *url)
{
    struct feed_edge edge;
    feed_edge_open(&edge, plugin, &publisher.trust, url, "", 5000);
    return edge;
}

static void joined(const char *url)
{
    struct feed_edge edge = opened(url);
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    ck_assert_uint_eq(edge.number, fleet_entry(&fleet, 0));
    feed_edge_close(&edge);
}

/* A new edge does not join, and says the words. */
static void refused(const char *url, const char *words)
{
    struct feed_edge edge = opened(url);
    ck_assert(!feed_edge_join(&edge));
    ck_assert_msg(strstr(edge.why, words) != NULL, "%s", edge.why);
    feed_edge_close(&edge);
}

/* The path of the first file in p whose name has the prefix. */
static const char *file_in_p(const char *prefix)
{
    static char path[4096];
    const char *ls[] = {"sh", "-c", "ls -d \"$1\"/p/\"$2\"* | head -n 1", "sh", root, prefix, NULL};
    snprintf(path, sizeof path, "%s", run_process(ls, NULL).out);
    path[strcspn(path, "\n")] = '\0';
    ck_assert(path[0] != '\0');
    return path;
}
/* Pieces begin with the number of an entry. */
static const char *piece(void)
{
    static char path[4096];
    const char *ls[] = {"sh", "-c", "ls -d \"$1\"/p/[0-9]* | head -n 1", "sh", root, NULL};
    snprintf(path, sizeof path, "%s", run_process(ls, NULL).out);
    path[strcspn(path, "\n")] = '\0';
    ck_assert(path[0] != '\0');
    return path;
}

START_TEST(reads)
{
    struct feed_edge edge = opened(web.url);
    espt_journal_entry entry, again;
    const uint8_t *bytes;
    size_t len;
    uint64_t first, last;
    int64_t clock;
    espt_journal *j = edge.journal;
    ck_assert_int_eq(plugin->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(last, fleet_entry(&fleet, 0));
    ck_assert_uint_ge(last - first, 26);
    for (uint64_t n = first; n <= last; n++) {
        ck_assert_int_eq(plugin->read(j, n, &entry, said, sizeof said), ESPT_JOURNAL_DONE);
        ck_assert(entry.head_len > 0 && entry.log == NULL && entry.vault == NULL);
        ck_assert_uint_eq(entry.log_len + entry.vault_len, 0);
    }
    for (uint64_t n = last; n >= first; n--) /* backwards too */
        ck_assert_int_eq(plugin->read(j, n, &again, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(plugin->read(j, first - 1, &entry, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(plugin->read(j, last + 1, &entry, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(plugin->read(j, UINT64_MAX, &entry, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(plugin->read(j, 0, &entry, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(plugin->get(j, "edge-none", &bytes, &len, said, sizeof said),
                     ESPT_JOURNAL_NONE);
    ck_assert_int_eq(plugin->get(j, "../head", &bytes, &len, said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(plugin->clock(j, &clock, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_le(labs(clock - time(NULL)), 5);
    feed_edge_close(&edge);
    joined(web.url);
    joined(web.cache_url);
    joined(web.cache_url);
}
END_TEST

/* wait() returns with news, or when its time is over. */
START_TEST(waits)
{
    struct feed_edge edge = opened(web.url);
    const uint8_t *bytes;
    size_t len;
    const uint64_t last = fleet_entry(&fleet, 0);
    ck_assert_int_eq(plugin->head_get(edge.journal, &bytes, &len, said, sizeof said), 0);
    ck_assert_int_eq(plugin->wait(edge.journal, last, 600, said, sizeof said), ESPT_JOURNAL_NONE);
    change(0);
    show();
    ck_assert_int_eq(plugin->wait(edge.journal, last, 20000, said, sizeof said), ESPT_JOURNAL_DONE);
    espt_journal_entry entry;
    ck_assert_int_eq(plugin->read(edge.journal, last + 1, &entry, said, sizeof said),
                     ESPT_JOURNAL_DONE);
    feed_edge_close(&edge);
}
END_TEST

/* --- servers that are wrong --- */

START_TEST(error_pages)
{
    static const char *const rules[] = {
        "location /p { return 200 '<html>sorry</html>'; }",
        "location /p { return 404; }",
        "location /p { return 503 'busy'; }",
        "location /p { return 302 /head; }",
        "location /p { return 206 'part'; }",
        "location = /head { return 200 '<html>sorry</html>'; }",
        "location = /head { return 200 ''; }",
        "location = /head { return 404; }",
        "location = /head { return 304; }",
        "location = /head { return 301 http://127.0.0.1/head; }",
        "location = /head { return 500 'ESPF'; }",
        "location / { auth_basic x; auth_basic_user_file /dev/null; }",
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        web_restart(&web, root, rules[i]);
        refused(web.url, i < 1 ? "damaged" : i < 5 ? "" : "/head");
    }
    web_restart(&web, root, "");
    joined(web.url);
}
END_TEST

/* A piece that was cut off, replaced or extended is not taken, also not if it has been taken from a
   cache; once it is whole again, it is. */
START_TEST(altered_files)
{
    size_t len;
    for (int kind = 0; kind < 3; kind++) {
        char path[4096];
        snprintf(path, sizeof path, "%s",
                 kind == 0   ? piece()
                 : kind == 1 ? file_in_p("edge-")
                             : in_folder(root, "head"));
        char *good = file_read(path, &len), *bytes = keep_string(malloc(len + 4096));
        struct feed_edge edge = opened(web.cache_url);
        for (size_t i = 0; i < len; i += 1 + len / 40) {
            memcpy(bytes, good, len);
            bytes[i] ^= 1;
            file_write(path, bytes, len, 0644);
            /* what lies around the signed head may be altered in vain */
            struct feed_edge other = opened(web.url);
            ck_assert(!feed_edge_join(&other) || kind == 2);
            feed_edge_close(&other);
            (void)!feed_edge_join(&edge); /* the cache may have a good one */
        }
        for (size_t cut = 0; cut < len; cut += 1 + len / 10) {
            file_write(path, good, cut, 0644);
            struct feed_edge other = opened(web.url);
            ck_assert(!feed_edge_join(&other));
            feed_edge_close(&other);
            (void)!feed_edge_join(&edge);
        }
        memcpy(bytes, good, len);
        memset(bytes + len, 0, 4096);
        file_write(path, bytes, len + 4096, 0644);
        (void)!feed_edge_join(&edge);
        file_write(path, good, len, 0644);
        ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
        ck_assert_uint_eq(edge.number, fleet_entry(&fleet, 0));
        feed_edge_close(&edge);
    }
}
END_TEST

/* An edge that has followed does not take an older head from a cache that is behind, nor lose what
   it has; it goes on when the cache is ahead again. */
START_TEST(older_head)
{
    size_t len;
    struct feed_edge edge;
    const char *old = file_read(in_folder(root, "head"), &len);
    change(0);
    show();
    edge = opened(web.url);
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    const uint64_t number = edge.number;
    file_write(in_folder(root, "head"), old, len, 0644);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL); /* past AGAIN_MS of head.c */
    feed_edge_follow(&edge);
    ck_assert_uint_eq(edge.number, number);
    ck_assert_uint_ge(edge.head.number, number);
    change(1);
    show();
    AWAIT(feed_edge_follow(&edge) && edge.number == number + 1);
    feed_edge_close(&edge);
}
END_TEST

/* What a cache answers is wrong, and what the server behind it answers is right: the second attempt
   asks past the cache. */
START_TEST(wrong_cache)
{
    static const char *const rules[] = {
        "location /p/edge- { if ($http_pragma = '') { return 200 'old'; } }",
        "location ~ /p/[0-9] { if ($http_pragma = '') { return 503; } }",
        "location = /head { if ($http_pragma = '') { rewrite ^ /old break; } }",
        "location = /head { if ($http_pragma = '') { return 404; } }",
    };
    size_t len;
    const char *old = file_read(in_folder(root, "head"), &len);
    change(0);
    show();
    file_write(in_folder(root, "old"), old, len, 0644);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct feed_edge edge = opened(web.url);
        ck_assert_msg(i != 2 || feed_edge_join(&edge), "%s", edge.why);
        web_restart(&web, root, rules[i]);
        if (i == 2) /* asks anew */
            plugin->wait(edge.journal, edge.number, 300, said, sizeof said);
        ck_assert_msg(i == 2 ? feed_edge_follow(&edge) : feed_edge_join(&edge), "%zu: %s", i,
                      edge.why);
        ck_assert_uint_eq(edge.number, fleet_entry(&fleet, 0));
        feed_edge_close(&edge);
    }
}
END_TEST

/* Pieces that the head of a cache names are gone at the server: the edge takes the head anew. */
START_TEST(stale_cache)
{
    char path[4096];
    struct feed_edge edge = opened(web.cache_url);
    snprintf(path, sizeof path, "%s", piece());
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    for (int i = 0; i < 30; i++)
        change(i);
    show();
    ck_assert_int_eq(unlink(path), 0);
    struct feed_edge other = opened(web.cache_url); /* the first piece is in the cache */
    ck_assert_msg(feed_edge_join(&other), "%s", other.why);
    AWAIT(feed_edge_follow(&edge) && edge.number == fleet_entry(&fleet, 0));
    feed_edge_close(&edge);
    feed_edge_close(&other);
}
END_TEST

/* No answer is longer than it may be, and no call longer than its time. */
START_TEST(endless_and_silent)
{
    static char endless[3 << 20] = "HTTP/1.1 200 OK\r\n\r\nESPF";
    static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nESPF";
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n";
    const struct {
        const char *answer;
        size_t len;
        int silent;
        const char *words;
    } cases[] = {{endless, sizeof endless, 0, "longer than 1048576 bytes"},
                 {cut, sizeof cut - 1, 0, "/head"},
                 {half, sizeof half - 1, 1, "/head"},
                 {"", 0, 1, "/head"},
                 {"", 0, 0, "/head"},
                 {"SSH-2.0-x\r\n", 11, 0, "/head"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char url[64];
        struct feed_edge edge;
        const int port = web_raw(cases[i].answer, cases[i].len, cases[i].silent);
        snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
        feed_edge_open(&edge, plugin, &publisher.trust, url, "", 700);
        const time_t begun = time(NULL);
        ck_assert(!feed_edge_join(&edge));
        ck_assert_msg(strstr(edge.why, cases[i].words) != NULL, "%zu: %s", i, edge.why);
        ck_assert_int_lt(time(NULL) - begun, 60);
        feed_edge_close(&edge);
    }
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", web_free_port());
    refused(url, "/head");
}
END_TEST

/* --- settings --- */

static void bad_settings(const char *settings, const char *words)
{
    espt_journal *journal = NULL;
    ck_assert_int_eq(
        plugin->open(&journal, settings, "edge-1", ESPT_JOURNAL_EDGE, 1000, said, sizeof said),
        ESPT_JOURNAL_FAILED);
    ck_assert_ptr_null(journal);
    ck_assert_msg(strstr(said, words) != NULL, "%s", said);
    ck_assert_ptr_null(strstr(said, "hunter2"));
}

START_TEST(settings)
{
    espt_journal *journal = NULL;
    load();
    ck_assert_int_eq(plugin->open(&journal, "url = http://x\n", "hq", ESPT_JOURNAL_WHOLE, 1000,
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

/* A password is asked for and given; reports are put, and its own is read; the environment's proxy
 * is not asked. */
START_TEST(password_and_reports)
{
    char rules[4096], users[1024], reports[1024];
    snprintf(users, sizeof users, "%s/users", web.folder);
    snprintf(reports, sizeof reports, "%s/reports", web.folder);
    file_text(users, "edge:{PLAIN}hunter2\n");
    ck_assert_int_eq(mkdir(reports, 0755), 0);
    snprintf(rules, sizeof rules,
             "auth_basic x; auth_basic_user_file %s;\n"
             "location /r/ { root %s; dav_methods PUT; create_full_put_path on; }",
             users, reports);
    web_restart(&web, root, rules);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    refused(web.url, "401");
    struct feed_edge edge;
    size_t reports_seen = 0;
    feed_edge_open(&edge, plugin, &publisher.trust, web.url, "user = edge\npassword = hunter2\n",
                   5000);
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    const int status =
        plugin->report_put(edge.journal, "edge-1", (const uint8_t *)"report", 6, said, sizeof said);
    ck_assert_msg(status == ESPT_JOURNAL_DONE, "%s", said);
    size_t len;
    const char *found = file_read(in_folder(reports, "r/edge-1"), &len);
    ck_assert(found != NULL && len == 6 && memcmp(found, "report", 6) == 0);
    ck_assert_int_eq(
        plugin->report_put(edge.journal, "../head", (const uint8_t *)"x", 1, said, sizeof said),
        ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(plugin->report_each(edge.journal, count, &reports_seen, said, sizeof said),
                     ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(reports_seen, 1); /* its own, and no other */
    ck_assert_int_eq(plugin->report_put(edge.journal, "edge-2", NULL, 0, said, sizeof said),
                     ESPT_JOURNAL_DONE);
    ck_assert_msg(feed_edge_follow(&edge), "%s", edge.why); /* reading goes on after a PUT */
    feed_edge_close(&edge);
}
END_TEST

START_TEST(read_only)
{
    struct feed_edge edge = opened(web.url);
    espt_journal *j = edge.journal;
    const espt_journal_entry entry = {0};
    const uint8_t *b = (const uint8_t *)"x";
    const int answers[] = {
        plugin->append(j, 1, &entry, said, sizeof said),
        plugin->hold(j, 1, said, sizeof said),
        plugin->keep(j, said, sizeof said),
        plugin->put(j, "x", b, 1, said, sizeof said),
        plugin->drop(j, "x", said, sizeof said),
        plugin->head_put(j, b, 1, said, sizeof said),
        plugin->trim(j, 5, said, sizeof said),
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        ck_assert_int_eq(answers[i], ESPT_JOURNAL_FAILED);
    ck_assert_ptr_nonnull(strstr(said, "run the command at a site"));
    plugin->release(j);
    feed_edge_close(&edge);
    plugin->close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_http");
    TCase *tests = tcase_create("journal_http"), *alone = tcase_create("settings");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, reads);
    tcase_add_test(tests, waits);
    tcase_add_test(tests, error_pages);
    tcase_add_test(tests, altered_files);
    tcase_add_test(tests, older_head);
    tcase_add_test(tests, wrong_cache);
    tcase_add_test(tests, stale_cache);
    tcase_add_test(tests, endless_and_silent);
    tcase_add_test(tests, password_and_reports);
    tcase_add_test(tests, read_only);
    tcase_add_test(alone, settings);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, alone);
    return run_suite(suite);
}
