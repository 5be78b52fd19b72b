/* SPDX-License-Identifier: ISC */
/* fleet follow at an edge over HTTP: it begins again with a snapshot where the feed no longer has
   the entries that it needs. */
#include "fleet/daemon.h"
#include "fleet/feed_member.h"

#include "common/clock.h"

#include <signal.h>
#include <unistd.h>

static struct fleet_of fleet;
static struct publisher publisher;
static struct web web;
static struct daemon_of follower;
static struct member edge;
static const char *text; /* of the token acme/web */

static void setup(void)
{
    fleet_begin(&fleet, 2);
    feed_allow_many(&fleet);
    text = DONE(fleet.site[0], "create", "acme", "web", "-q");
    publisher_prepare(&publisher, &fleet);
    web_start(&web, publisher.feed, "");
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    feed_member(&edge, &fleet, &web);
    DONE(edge, "fleet", "join", "--edge");
}

static void teardown(void)
{
    if (publisher.pid != 0)
        publisher_end(&publisher, SIGKILL);
    web_stop(&web);
}

static int verify(void)
{
    return CTL(edge.config, text, "verify").status;
}

static uint64_t stands_at(void)
{
    return strtoull(strstr(DONE(edge, "fleet", "status", "--stale"), "entry    ") + 9, NULL, 10);
}

/* Asserts that the edge has the fleet's last entry, and that its records are right. */
static void is_whole(void)
{
    ck_assert_uint_eq(stands_at(), fleet_entry(&fleet, 0));
    DONE(edge, "fleet", "check");
    DONE(edge, "check");
}

START_TEST(rejoins)
{
    DONE(fleet.site[1], "edit", "acme/web", "--status", "inactive");
    feed_far(&fleet, &publisher);
    ck_assert_int_eq(verify(), 0);
    daemon_start(&follower, &edge, "follow");
    UNTIL(daemon_says(&follower, "began again with the snapshot at entry"));
    UNTIL(stands_at() == fleet_entry(&fleet, 0));
    ck_assert_int_eq(verify(), 1);
    is_whole();
    DONE(fleet.site[0], "edit", "acme/web", "--status", "active");
    UNTIL(verify() == 0); /* it follows */
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    ck_assert_int_eq(daemon_count(&follower, "began again"), 1);
    is_whole();
}
END_TEST

/* A piece of the snapshot is damaged: hosts go on, the follower reports it once, and begins again
   when the piece is whole. */
START_TEST(snapshot_is_damaged)
{
    struct head head;
    char name[ESPT_JOURNAL_NAME_MAX + 8] = "p/";
    DONE(fleet.site[1], "edit", "acme/web", "--status", "inactive");
    feed_far(&fleet, &publisher);
    ck_assert(publisher_head(&publisher, &head));
    publisher_end(&publisher, SIGTERM);
    edge_file_name(head.snapshot.len, head.snapshot.hash, name + 2);
    const char *path = keep_string(strdup(in_folder(publisher.feed, name)));
    size_t len;
    char *bytes = file_read(path, &len);
    bytes[len / 2] ^= 1;
    unlink(path);
    file_write(path, bytes, len, 0644);
    const uint64_t before = stands_at();
    daemon_start(&follower, &edge, "follow");
    UNTIL(daemon_count(&follower, "\n") > 1);
    ck_assert_int_eq(verify(), 0);
    ck_assert_uint_eq(stands_at(), before);
    bytes[len / 2] ^= 1;
    file_write(path, bytes, len, 0644);
    const int64_t mended = monotonic_ms();
    UNTIL(daemon_says(&follower, "began again with the snapshot at entry"));
    ck_assert_int_lt(monotonic_ms() - mended, 9000); /* the first tries follow soon */
    ck_assert_int_eq(verify(), 1);
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    ck_assert_int_eq(daemon_count(&follower, "is cut off or damaged"), 1);
    ck_assert_int_eq(daemon_count(&follower, "began again with the snapshot at entry"), 1);
}
END_TEST

/* The follower is killed at any moment: the store has its old state, or that of the snapshot. */
START_TEST(killed)
{
    feed_far(&fleet, &publisher);
    struct head head;
    ck_assert(publisher_head(&publisher, &head));
    for (int i = 0; i < 12; i++) {
        daemon_start(&follower, &edge, "follow");
        nanosleep(&(struct timespec){.tv_nsec = 1000000L * (20 + i * 5)}, NULL);
        daemon_end(&follower, SIGKILL);
        ck_assert_int_eq(verify(), 0);
        DONE(edge, "check");
    }
    daemon_start(&follower, &edge, "follow");
    UNTIL(stands_at() == fleet_entry(&fleet, 0));
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    is_whole();
}
END_TEST

/* A history in which a site that this edge has seen removed still writes. Its snapshot is signed,
   and later than the state of the edge. */
START_TEST(another_history)
{
    const char *kept = temp_folder();
    publisher_end(&publisher, SIGTERM);
    fleet_copy(&fleet, 2, kept, false);
    publisher_start(&publisher);
    DONE(fleet.site[0], "fleet", "site", "remove", "hq-2");
    const uint64_t seen = fleet_entry(&fleet, 0);
    publisher_await(&publisher, seen);
    UNTIL(strstr(DONE(edge, "fleet", "status"), "entry") != NULL && stands_at() == seen);
    publisher_end(&publisher, SIGTERM);
    fleet_copy(&fleet, 2, kept, true);
    unlink(in_folder(publisher.feed, "head"));
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    feed_far(&fleet, &publisher);
    daemon_start(&follower, &edge, "follow");
    UNTIL(daemon_says(&follower, "another list of sites"));
    ck_assert_int_eq(verify(), 0);
    ck_assert_uint_eq(stands_at(), seen);
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    DONE(edge, "check");
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("follow feed");
    TCase *tcase = tcase_create("feed");
    tcase_set_timeout(tcase, 300);
    fleet_fixture(tcase, 2);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, rejoins);
    tcase_add_test(tcase, snapshot_is_damaged);
    tcase_add_test(tcase, killed);
    tcase_add_test(tcase, another_history);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
