/* SPDX-License-Identifier: ISC */
/* Use counts of edges that follow over HTTP: fleet follow sends them, and the publisher stores them
   in the journal. It stores nothing else that somebody uploads. */
#include "fleet/daemon.h"
#include "fleet/feed_member.h"
#include "fleet/report.h"

#include "abi/host.h"
#include "common/clock.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fleet_of fleet;
static struct publisher publisher;
static struct web web;
static struct daemon_of follower;
static struct member edge;
static struct text token;

static const char *report_path(void)
{
    return in_folder(publisher.feed, "r/edge-1");
}

static void setup(void)
{
    fleet_begin(&fleet, 2);
    token = text_in(DONE(fleet.site[0], "create", "acme", "web", "-q"));
    publisher_prepare(&publisher, &fleet);
    ck_assert_int_eq(mkdir(in_folder(publisher.feed, "r"), 0755), 0);
    web_start(&web, publisher.feed,
              "location /r/ { dav_methods PUT; dav_access all:r; client_max_body_size 1m; }");
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    feed_member(&edge, &fleet, &web);
    DONE(edge, "fleet", "join", "--edge");
    char key[128];
    const char *said = DONE(edge, "fleet", "key");
    ck_assert_int_eq(sscanf(said, "edge-1 %127s", key), 1);
    DONE(fleet.site[0], "fleet", "edge", "add", "edge-1", key);
    host_load();
}

static void teardown(void)
{
    if (publisher.pid != 0)
        publisher_end(&publisher, SIGKILL);
    web_stop(&web);
}

static struct report reported_last(void)
{
    struct report report;
    char needs[ENTRY_NEEDS_MAX + 1];
    size_t len;
    const uint8_t *bytes = (const uint8_t *)file_read(report_path(), &len);
    ck_assert_int_eq(report_decode(bytes, len, &report, needs), ENTRY_GOOD);
    return report;
}

static uint64_t uses_last(void)
{
    const struct report report = reported_last();
    return report_use_at(&report, 0).uses;
}

/* A host of the edge allows the token `times` times. */
static void use(int times)
{
    config = edge.config;
    host_open();
    for (int i = 0; i < times; i++) {
        const espt_query query = {
            .size = sizeof query, .token = token.bytes, .token_len = TEXT_LEN};
        espt_result result = {.size = sizeof result};
        ck_assert_int_eq(plugin->validate(ctx, &query, &result), 1);
    }
    plugin->close(ctx);
}

static bool site_counts(const char *uses)
{
    char word[32] = "";
    const char *list =
        DONE(fleet.site[1], "list", "acme", "--columns", "name,uses", "--no-headers");
    const char *line = strstr(list, "web ");
    ck_assert_msg(line != NULL, "%s", list);
    sscanf(line, "web %31s", word);
    return strcmp(word, uses) == 0;
}

/* Starts the follower, which then reports. Waits first, because a report counts only if its time,
   in seconds, is later than that of the last one. */
static void start_later(void)
{
    UNTIL(access(report_path(), F_OK) != 0 || time(NULL) > reported_last().time);
    daemon_start(&follower, &edge, "follow");
}

static void follow_once(const char *uses)
{
    start_later();
    UNTIL(site_counts(uses));
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
}

START_TEST(reported)
{
    ck_assert(site_counts("?"));
    use(3);
    follow_once("3");
    use(2);
    const int64_t begun = monotonic_ms();
    follow_once("5");
    ck_assert_int_lt(monotonic_ms() - begun, 9000); /* in a small fleet: see feed_reports() */
    DONE(edge, "usage", "fold");                    /* this reports, too */
    ck_assert_int_eq(daemon_count(&follower, "warning"), 0);
    /* totals do not fall with a new store, because the edge reads what it reported before */
    struct member again;
    feed_member(&again, &fleet, &web);
    const char *key = keep_string(strdup(in_folder(edge.folder, "site.key")));
    const char *copy[] = {"cp", "-a", key, again.folder, NULL};
    ck_assert_int_eq(run_process(copy, NULL).status, 0);
    edge = again;
    DONE(edge, "fleet", "join", "--edge");
    use(1);
    const struct report before = reported_last();
    start_later();
    UNTIL(reported_last().time > before.time);
    ck_assert_uint_eq(reported_last().count, 1);
    ck_assert_uint_eq(uses_last(), 5);
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
}
END_TEST

/* A server that refuses reports: the follower says so once, and goes on. */
START_TEST(not_taken)
{
    web_restart(&web, publisher.feed, "");
    daemon_start(&follower, &edge, "follow");
    UNTIL(daemon_says(&follower, "the uses were not reported to the fleet"));
    DONE(fleet.site[1], "edit", "acme/web", "--status", "inactive");
    UNTIL(CTL(edge.config, token.bytes, "verify").status == 1);
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    ck_assert_int_eq(daemon_count(&follower, "were not reported"), 1);
}
END_TEST

/* Restarts the publisher, and returns when it has read the folder of reports. */
static void look_again(void)
{
    publisher_end(&publisher, SIGTERM);
    publisher_start(&publisher);
    for (int i = 0; i < 2; i++) {
        DONE(fleet.site[1], "edit", "acme/web", "--status", i == 0 ? "inactive" : "active");
        publisher_await(&publisher, fleet_last(&fleet));
    }
}

static void put_file(const char *bytes, size_t len)
{
    unlink(report_path());
    file_write(report_path(), bytes, len, 0644);
}

START_TEST(hostile)
{
    size_t len, old_len, kept_len;
    use(3);
    follow_once("3");
    char *old = file_read(report_path(), &old_len);
    use(2);
    follow_once("5");
    char *good = file_read(report_path(), &len);
    const char *taken = keep_string(strdup(in_folder(fleet.journal, "reports/edge-1")));
    put_file(old, old_len);
    look_again();
    ck_assert(site_counts("5"));
    good[len - 1] ^= 1; /* in the signature */
    put_file(good, len);
    look_again();
    ck_assert(site_counts("5"));
    char *long_one = keep_string(calloc(1, ESPT_JOURNAL_HEAD_MAX + 1));
    put_file(long_one, ESPT_JOURNAL_HEAD_MAX + 1);
    look_again();
    unlink(report_path());
    ck_assert_int_eq(mkfifo(report_path(), 0644), 0);
    look_again();
    unlink(report_path());
    ck_assert_int_eq(symlink(taken, report_path()), 0);
    good[len - 1] ^= 1;
    static const char *const names[] = {"r/edge-2", "r/hq-2", "r/.edge-1"};
    for (int i = 0; i < 3; i++)
        file_write(in_folder(publisher.feed, names[i]), good, len, 0644);
    look_again();
    const char *kept = file_read(taken, &kept_len);
    ck_assert(kept_len == len && memcmp(kept, good, len) == 0);
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "reports/%s", names[i] + 2);
        ck_assert_int_ne(access(in_folder(fleet.journal, name), F_OK), 0);
    }
    ck_assert(site_counts("5"));
    DONE(edge, "usage", "fold"); /* this puts a good report again */
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("feed reports");
    TCase *tcase = tcase_create("reports");
    tcase_set_timeout(tcase, 300);
    fleet_fixture(tcase, 2);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, reported);
    tcase_add_test(tcase, not_taken);
    tcase_add_test(tcase, hostile);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
