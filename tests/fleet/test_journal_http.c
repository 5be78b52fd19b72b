/* SPDX-License-Identifier: ISC */
/* The http journal, which can only read: the reading half of what every journal must do. */
#include "fleet/http_feed.h"
#include "fleet/journal_conformance_open.h"

static struct http_feed feed;

START_TEST(reads)
{
    struct feed_edge edge = http_edge(&feed, feed.web.url);
    espt_journal_entry entry, again;
    const uint8_t *bytes;
    size_t len;
    uint64_t first, last;
    int64_t clock;
    espt_journal *j = edge.journal;
    ck_assert_int_eq(feed.plugin->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(last, fleet_entry(&feed.fleet, 0));
    ck_assert_uint_ge(last - first, 26);
    for (uint64_t n = first; n <= last; n++) {
        ck_assert_int_eq(feed.plugin->read(j, n, &entry, said, sizeof said), ESPT_JOURNAL_DONE);
        ck_assert(entry.head_len > 0 && entry.log == NULL && entry.vault == NULL);
        ck_assert_uint_eq(entry.log_len + entry.vault_len, 0);
    }
    for (uint64_t n = last; n >= first; n--) /* backwards too */
        ck_assert_int_eq(feed.plugin->read(j, n, &again, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(feed.plugin->read(j, first - 1, &entry, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(feed.plugin->read(j, last + 1, &entry, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(feed.plugin->read(j, UINT64_MAX, &entry, said, sizeof said),
                     ESPT_JOURNAL_NONE);
    ck_assert_int_eq(feed.plugin->read(j, 0, &entry, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(feed.plugin->get(j, "edge-none", &bytes, &len, said, sizeof said),
                     ESPT_JOURNAL_NONE);
    ck_assert_int_eq(feed.plugin->get(j, "../head", &bytes, &len, said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(feed.plugin->clock(j, &clock, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_le(labs(clock - time(NULL)), 5);
    feed_edge_close(&edge);
    http_edge_joins(&feed, feed.web.url);
    http_edge_joins(&feed, feed.web.cache_url);
    http_edge_joins(&feed, feed.web.cache_url);
}
END_TEST

/* The same fleet, as an edge reads it from the sites' folder and from the feed. */
static struct both {
    const espt_journal_plugin *plugin;
    espt_journal *journal;
} folder, http;

static void open_both(void)
{
    char settings[4200];
    conformance_kind = "dir";
    snprintf(settings, sizeof settings, "path = %s\n", feed.fleet.journal);
    folder.plugin = load();
    folder.journal = opened_for(folder.plugin, settings, "edge-1", ESPT_JOURNAL_EDGE);
    conformance_kind = "http";
    http.plugin = load();
    snprintf(settings, sizeof settings, "url = %s\n", feed.web.url);
    http.journal = opened_for(http.plugin, settings, "edge-1", ESPT_JOURNAL_EDGE);
}

static void same_entry(uint64_t number)
{
    espt_journal_entry a, b;
    ck_assert_int_eq(folder.plugin->read(folder.journal, number, &a, said, sizeof said), 0);
    const int status = http.plugin->read(http.journal, number, &b, said, sizeof said);
    ck_assert_msg(status == ESPT_JOURNAL_DONE, "%llu: %s", (unsigned long long)number, said);
    same_bytes(a.head, a.head_len, b.head, b.head_len);
    same_bytes(a.edge, a.edge_len, b.edge, b.edge_len);
}

static int see_piece(const char *name)
{
    const uint8_t *a, *b;
    size_t a_len, b_len;
    const int status = http.plugin->get(http.journal, name, &b, &b_len, said, sizeof said);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    ck_assert_int_eq(folder.plugin->get(folder.journal, name, &a, &a_len, said, sizeof said), 0);
    same_bytes(a, a_len, b, b_len);
    return status;
}

/* Entries in every order, pieces and head are those that the sites' journal has, byte for byte. */
START_TEST(reads_what_sites_have)
{
    uint64_t first, last, all_first, all_last;
    const uint8_t *a, *b;
    size_t a_len, b_len;
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    DONE(feed.fleet.site[0], "tier", "publish", "--yes");
    DONE(feed.fleet.site[0], "create", "acme", "web");
    publisher_await(&feed.publisher, fleet_last(&feed.fleet));
    publisher_end(&feed.publisher, SIGTERM);
    http_feed_show(&feed);
    open_both();
    ck_assert_int_eq(http.plugin->range(http.journal, &first, &last, said, sizeof said), 0);
    ck_assert_int_eq(folder.plugin->range(folder.journal, &all_first, &all_last, said, sizeof said),
                     0);
    ck_assert_uint_eq(last, all_last);
    ck_assert(first >= all_first && last - first > 20);
    for (uint64_t number = first; number <= last; number++)
        same_entry(number);
    for (uint64_t number = last; number >= first; number--)
        same_entry(number);
    for (uint64_t i = 0; i < 40; i++)
        same_entry(first + i * 977 % (last - first + 1));
    lacks(http.plugin, http.journal, first - 1);
    lacks(http.plugin, http.journal, last + 1);
    ck_assert_int_eq(http.plugin->head_get(http.journal, &b, &b_len, said, sizeof said), 0);
    ck_assert_int_eq(folder.plugin->head_get(folder.journal, &a, &a_len, said, sizeof said), 0);
    same_bytes(a, a_len, b, b_len);
    const char *tiers = http_feed_file(&feed, "tiers-"), *edge = http_feed_file(&feed, "edge-");
    snprintf(name, sizeof name, "%s", strrchr(tiers, '/') + 1);
    ck_assert_int_eq(see_piece(name), ESPT_JOURNAL_DONE);
    snprintf(name, sizeof name, "%s", strrchr(edge, '/') + 1);
    ck_assert_int_eq(see_piece(name), ESPT_JOURNAL_DONE);
    name[strlen(name) - 1] = name[strlen(name) - 1] == '0' ? '1' : '0';
    ck_assert_int_eq(see_piece(name), ESPT_JOURNAL_NONE);
    folder.plugin->close(folder.journal);
    http.plugin->close(http.journal);
}
END_TEST

/* wait() returns when there is news, or when its time is over. */
START_TEST(waits)
{
    struct feed_edge edge = http_edge(&feed, feed.web.url);
    const uint8_t *bytes;
    size_t len;
    const uint64_t last = fleet_entry(&feed.fleet, 0);
    ck_assert_int_eq(feed.plugin->head_get(edge.journal, &bytes, &len, said, sizeof said), 0);
    ck_assert_int_eq(feed.plugin->wait(edge.journal, last, 600, said, sizeof said),
                     ESPT_JOURNAL_NONE);
    http_feed_change(&feed, 0);
    http_feed_show(&feed);
    ck_assert_int_eq(feed.plugin->wait(edge.journal, last, 20000, said, sizeof said),
                     ESPT_JOURNAL_DONE);
    espt_journal_entry entry;
    ck_assert_int_eq(feed.plugin->read(edge.journal, last + 1, &entry, said, sizeof said),
                     ESPT_JOURNAL_DONE);
    feed_edge_close(&edge);
}
END_TEST

static int no_piece(void *arg, const char *name)
{
    (void)arg;
    ck_abort_msg("%s", name);
}

START_TEST(read_only)
{
    struct feed_edge edge = http_edge(&feed, feed.web.url);
    espt_journal *j = edge.journal;
    const espt_journal_entry entry = {0};
    const uint8_t *b = (const uint8_t *)"x";
    const int answers[] = {
        feed.plugin->append(j, 1, &entry, said, sizeof said),
        feed.plugin->hold(j, 1, said, sizeof said),
        feed.plugin->keep(j, said, sizeof said),
        feed.plugin->put(j, "x", b, 1, said, sizeof said),
        feed.plugin->drop(j, "x", said, sizeof said),
        feed.plugin->piece_each(j, no_piece, NULL, said, sizeof said),
        feed.plugin->head_put(j, b, 1, said, sizeof said),
        feed.plugin->trim(j, 5, said, sizeof said),
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        ck_assert_int_eq(answers[i], ESPT_JOURNAL_FAILED);
    ck_assert_ptr_nonnull(strstr(said, "run the command at a site"));
    feed.plugin->release(j);
    feed_edge_close(&edge);
    feed.plugin->close(NULL);
}
END_TEST

int main(void)
{
    conformance_kind = "http";
    Suite *suite = suite_create("journal_http");
    TCase *tests = tcase_create("journal_http");
    tcase_set_timeout(tests, 300);
    http_feed_fixture(tests, &feed);
    tcase_add_test(tests, conformance_symbols);
    tcase_add_test(tests, conformance_settings_are_checked);
    tcase_add_test(tests, reads_what_sites_have);
    tcase_add_test(tests, reads);
    tcase_add_test(tests, waits);
    tcase_add_test(tests, read_only);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
