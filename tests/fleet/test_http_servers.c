/* SPDX-License-Identifier: ISC */
/* The http journal and faulty servers: error pages, altered files, endless answers. An edge takes
   nothing from them. */
#include "fleet/http_feed.h"

#include <time.h>

static struct http_feed feed;

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
        web_restart(&feed.web, feed.root, rules[i]);
        http_edge_refuses(&feed, feed.web.url, i < 1 ? "damaged" : i < 5 ? "" : "/head");
    }
    web_restart(&feed.web, feed.root, "");
    http_edge_joins(&feed, feed.web.url);
}
END_TEST

/* A piece that was cut off, altered or extended is not taken, whether it comes from the server or
   from a cache. Once it is whole again, it is taken. */
START_TEST(altered_files)
{
    size_t len;
    for (int kind = 0; kind < 3; kind++) {
        char path[4096];
        snprintf(path, sizeof path, "%s",
                 kind == 0   ? http_feed_file(&feed, NULL)
                 : kind == 1 ? http_feed_file(&feed, "edge-")
                             : in_folder(feed.root, "head"));
        char *good = file_read(path, &len), *bytes = keep_string(malloc(len + 4096));
        struct feed_edge edge = http_edge(&feed, feed.web.cache_url);
        for (size_t i = 0; i < len; i += 1 + len / 40) {
            memcpy(bytes, good, len);
            bytes[i] ^= 1;
            file_write(path, bytes, len, 0644);
            /* bytes around the signed head may be altered: the edge takes nothing wrong from them
             */
            struct feed_edge other = http_edge(&feed, feed.web.url);
            ck_assert(!feed_edge_join(&other) || kind == 2);
            feed_edge_close(&other);
            (void)!feed_edge_join(&edge); /* may succeed: the cache may have a good copy */
        }
        for (size_t cut = 0; cut < len; cut += 1 + len / 10) {
            file_write(path, good, cut, 0644);
            struct feed_edge other = http_edge(&feed, feed.web.url);
            ck_assert(!feed_edge_join(&other));
            feed_edge_close(&other);
            (void)!feed_edge_join(&edge);
        }
        memcpy(bytes, good, len);
        memset(bytes + len, 0, 4096);
        file_write(path, bytes, len + 4096, 0644);
        (void)!feed_edge_join(&edge);
        /* The edge and the cache may keep an altered head for a second. The file is rewritten each
           time, because nginx distinguishes two files of one length only by the second of their
           modification times. */
        AWAIT((file_write(path, good, len, 0644), feed_edge_join(&edge)) &&
              edge.number == fleet_entry(&feed.fleet, 0));
        feed_edge_close(&edge);
    }
}
END_TEST

/* An answer that exceeds its size limit is refused, and no call exceeds its time limit. */
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
        feed_edge_open(&edge, http_plugin(), &feed.publisher.trust, url, "", 700);
        const time_t begun = time(NULL);
        ck_assert(!feed_edge_join(&edge));
        ck_assert_msg(strstr(edge.why, cases[i].words) != NULL, "%zu: %s", i, edge.why);
        ck_assert_int_lt(time(NULL) - begun, 60);
        feed_edge_close(&edge);
    }
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", web_free_port());
    http_edge_refuses(&feed, url, "/head");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http servers");
    TCase *tests = tcase_create("servers");
    tcase_set_timeout(tests, 300);
    http_feed_fixture(tests, &feed);
    tcase_add_test(tests, error_pages);
    tcase_add_test(tests, altered_files);
    tcase_add_test(tests, endless_and_silent);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
