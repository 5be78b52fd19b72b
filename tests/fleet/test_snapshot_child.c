/* SPDX-License-Identifier: ISC */
/* While a child of the publisher makes or proves a snapshot, which these tests slow down, the
   publisher goes on publishing. */
#include "fleet/daemon.h"
#include "fleet/trimmed.h"

#include "common/clock.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static struct fleet_of fleet;
static struct publisher publisher;
static struct web web;
static struct daemon_of follower;
static struct member edge;
static const char *text; /* of the token acme/web */

/* A publisher with a feed, which an edge follows. */
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
    daemon_start(&follower, &edge, "follow");
}

static void teardown(void)
{
    if (publisher.pid != 0)
        publisher_end(&publisher, SIGKILL);
    daemon_end(&follower, SIGTERM);
    web_stop(&web);
}

/* The number of the snapshot that the journal's head names; 0: none. */
static uint64_t in_journal(void)
{
    struct head head;
    return journal_head(&fleet, &head) ? head.snapshot.number : 0;
}

static uint64_t in_feed(void)
{
    struct head head;
    ck_assert(publisher_head(&publisher, &head));
    return head.snapshot.number;
}

static pid_t child(void)
{
    return publisher_child(&publisher);
}

static bool gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* The path of a file that controls the faults `held` and `unread-back` (bad_journal.c). */
static const char *beside_journal(const char *suffix)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s.%s", fleet.journal, suffix);
    return path;
}

static void hold_pieces(void)
{
    unlink(beside_journal("reached"));
    file_text(beside_journal("hold"), "");
}

static bool is_held(void)
{
    return access(beside_journal("reached"), F_OK) == 0;
}

static void let_go(void)
{
    unlink(beside_journal("hold"));
}

/* Restarts the publisher, which has to make a snapshot of a new entry, because the journal has lost
   its head. The fault stops its child until let_go(). */
static void make_until(const char *fault)
{
    static int round;
    char contact[32];
    snprintf(contact, sizeof contact, "%d@example.com", round++);
    DONE(fleet.site[0], "entity", "edit", "acme", "--contact", contact);
    if (publisher.pid != 0)
        ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    unlink(in_folder(fleet.journal, "head"));
    hold_pieces();
    fleet_fault(&fleet, 0, fault);
    publisher_start(&publisher);
}

static void make_slowly(void)
{
    make_until("held");
}

static void make_at_once(void)
{
    let_go();
    fleet_fault(&fleet, 0, NULL);
    if (publisher.pid == 0)
        publisher_start(&publisher);
    AWAIT(in_journal() == in_feed() && in_feed() > 0);
    newcomers_join(&fleet);
}

/* Changes the token's status, and asserts that the edge's verdict follows within five seconds. */
static void reaches_the_edge(const char *status, int verdict)
{
    const int64_t begun = monotonic_ms();
    DONE(fleet.site[1], "edit", "acme/web", "--status", status);
    AWAIT(CTL(edge.config, text, "verify").status == verdict);
    ck_assert_int_lt(monotonic_ms() - begun, 5000);
}

/* While a snapshot is made, new heads, entries and a revocation reach the edge. When it is made,
   the head names it. */
START_TEST(goes_on_while_it_makes_one)
{
    struct head first, head;
    const uint64_t before = in_feed();
    make_slowly();
    reaches_the_edge("inactive", 1);
    ck_assert_uint_eq(in_feed(), before);
    reaches_the_edge("active", 0);
    ck_assert_uint_eq(in_feed(), before);
    ck_assert(publisher_head(&publisher, &first));
    AWAIT(publisher_head(&publisher, &head) && head.time >= first.time + 5);
    ck_assert_uint_eq(head.snapshot.number, before);
    ck_assert(is_held());
    let_go();
    AWAIT(in_feed() != before);
    make_at_once();
}
END_TEST

/* The same while a snapshot is proved, before anything is removed. While the next one is made,
   nothing that belongs to it is removed. */
START_TEST(goes_on_while_it_proves_one)
{
    feed_far(&fleet, &publisher);
    publisher_rest(&publisher); /* the next one is not due */
    AWAIT(in_journal() == in_feed());
    const uint64_t snapshot = in_feed();
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    const char *piece = keep_string(strdup(in_folder(fleet.journal, "pieces/site-1-ab")));
    file_text(piece, "x");
    hold_pieces();
    fleet_fault(&fleet, 0, "held");
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    AWAIT(child() != 0 && is_held());
    reaches_the_edge("inactive", 1);
    ck_assert_int_eq(access(piece, F_OK), 0);
    let_go();
    AWAIT(access(piece, F_OK) != 0);
    ck_assert_uint_eq(in_feed(), snapshot);
    hold_pieces();
    for (int round = 0; round < 5; round++)
        feed_write_much(&fleet, round);
    AWAIT(is_held());
    reaches_the_edge("active", 0);
    let_go();
    AWAIT(in_feed() != snapshot);
    ck_assert_ptr_null(strstr(file_read(publisher.log, NULL), "warning"));
    make_at_once();
}
END_TEST

START_TEST(child_is_killed)
{
    const uint64_t before = in_feed();
    make_slowly();
    AWAIT(child() != 0);
    kill(child(), SIGKILL);
    AWAIT(strstr(file_read(publisher.log, NULL), "was ended by signal 9") != NULL);
    reaches_the_edge("inactive", 1);
    ck_assert_uint_eq(in_feed(), before);
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    make_at_once();
    ck_assert_uint_ne(in_feed(), before);
}
END_TEST

/* The child ends with the publisher; the next run makes the snapshot. */
START_TEST(publisher_is_ended)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGINT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        const uint64_t before = in_feed();
        make_slowly();
        AWAIT(child() != 0);
        const pid_t pid = child();
        const int64_t begun = monotonic_ms();
        const int status = publisher_end(&publisher, signals[i]);
        ck_assert_int_eq(status, signals[i] == SIGKILL ? 128 + SIGKILL : 0);
        AWAIT(gone(pid));
        ck_assert_int_lt(monotonic_ms() - begun, 3000);
        make_at_once();
        ck_assert_uint_ne(in_feed(), before);
    }
}
END_TEST

static void lose_feed(void)
{
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    const char *gone[] = {"rm", "-rf", in_folder(publisher.feed, "head"),
                          in_folder(publisher.feed, "p"), NULL};
    ck_assert_int_eq(run_process(gone, NULL).status, 0);
}

/* A new feed has no head before its first snapshot, but the journal gets new heads. */
START_TEST(a_new_folder)
{
    struct head first, head;
    lose_feed();
    const uint64_t before = in_journal();
    ck_assert(journal_head(&fleet, &first));
    make_slowly();
    AWAIT(journal_head(&fleet, &first));
    AWAIT(journal_head(&fleet, &head) && head.time >= first.time + 10);
    ck_assert_str_eq(head.site, "hq-1");
    ck_assert_uint_eq(head.number, fleet_entry(&fleet, 0));
    ck_assert(!publisher_head(&publisher, &head));
    let_go();
    AWAIT(publisher_head(&publisher, &head));
    make_at_once();
    ck_assert_uint_gt(in_journal(), before);
}
END_TEST

/* While the child works, the journal loses its last entry and gets another one. No head names the
   child's snapshot, and the next one has the fleet's new state. */
START_TEST(journal_is_set_back)
{
    lose_feed();
    make_until("unread-back");
    AWAIT(is_held());             /* the child has read the entry */
    fleet_fault(&fleet, 0, NULL); /* for the commands; the publisher has read the settings */
    unlink(fleet_entry_path(&fleet, fleet_entry(&fleet, 0)));
    DONE(fleet.site[0], "fleet", "join", "--yes");
    DONE(fleet.site[0], "entity", "edit", "acme", "--contact", "other@example.com");
    let_go();
    AWAIT(strstr(file_read(publisher.log, NULL), "does not have that entry any more, or has "
                                                 "another one; another snapshot is made") != NULL);
    publisher_await(&publisher, fleet_last(&fleet));
    make_at_once();
}
END_TEST

/* Another publisher takes the lead: the child ends, and puts nothing more into the journal. */
START_TEST(another_leads)
{
    make_slowly();
    AWAIT(child() != 0 && journal_head(&fleet, &(struct head){0}));
    const pid_t pid = child();
    const int64_t begun = monotonic_ms();
    sign_head(&fleet, 1, time(NULL));
    AWAIT(gone(pid));
    ck_assert_int_lt(monotonic_ms() - begun, 3000);
    AWAIT(strstr(file_read(publisher.log, NULL), "site hq-2 publishes too") != NULL);
    reaches_the_edge("inactive", 1);
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    unlink(in_folder(fleet.journal, "head"));
    make_at_once();
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("snapshot child");
    TCase *tcase = tcase_create("child");
    tcase_set_timeout(tcase, 240);
    fleet_fixture(tcase, 2);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, goes_on_while_it_makes_one);
    tcase_add_test(tcase, goes_on_while_it_proves_one);
    tcase_add_test(tcase, child_is_killed);
    tcase_add_test(tcase, publisher_is_ended);
    tcase_add_test(tcase, a_new_folder);
    tcase_add_test(tcase, journal_is_set_back);
    tcase_add_test(tcase, another_leads);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
