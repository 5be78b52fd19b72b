/* SPDX-License-Identifier: ISC */
/* fleet publish on a full disk: it says so, and goes on when there is room. */
#include "fleet/feed_member.h"

#include "fault/space.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

static struct fleet_of fleet;
static struct publisher publisher;

/* The store of the publisher moves to a small file system. */
static bool move_store(void)
{
    struct member *site = &fleet.site[0];
    const char *place = space_mount(SPACE_TMPFS, "publish");
    if (place == NULL)
        return false;
    const char *copy[] = {"cp", "-a", site->folder, place, NULL};
    ck_assert_int_eq(run_process(copy, NULL).status, 0);
    site->folder = keep_string(strdup(in_folder(place, strrchr(site->folder, '/') + 1)));
    site->config = keep_string(strdup(in_folder(site->folder, "esp-token.conf")));
    return true;
}

static void add_many(int from, int count)
{
    char *lines = keep_string(calloc((size_t)count, 24));
    for (int i = 0; i < count; i++)
        snprintf(lines + strlen(lines), 24, "n%d customer\n", from + i);
    fleet_done(CTL(fleet.site[1].config, lines, "entity", "add", "--from", "-"));
}

static bool says(const char *words)
{
    const char *said = file_read(publisher.log, NULL);
    return said != NULL && strstr(said, words) != NULL;
}

START_TEST(full)
{
    fleet_begin(&fleet, 2);
    if (!move_store())
        return;
    publisher_prepare(&publisher, &fleet);
    snprintf(publisher.log, sizeof publisher.log, "%s/log", temp_folder());
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    space_fill(0);
    add_many(0, 800);
    AWAIT(says("the disk is full"));
    space_free();
    publisher_await(&publisher, fleet_last(&fleet));
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* How often the publisher has reported a full disk. */
static int times_full(void)
{
    int count = 0;
    const char *at = file_read(publisher.log, NULL);
    for (; at != NULL && (at = strstr(at, "No space left on device")) != NULL; at++)
        count++;
    return count;
}

/* A new edge over HTTP joins, and has what the head names. */
static void an_edge_joins(const struct web *web)
{
    struct member edge;
    feed_member(&edge, &fleet, web);
    DONE(edge, "fleet", "join", "--edge");
    DONE(edge, "fleet", "check");
    DONE(edge, "check");
}

/* The feed is on a full disk: there is no room for the first snapshot, then for an entry, then for
   many entries and the next snapshots. What was published stays, so edges can join at any time.
   Once there is room, the publisher goes on by itself. */
START_TEST(full_feed)
{
    struct web web;
    struct member edge;
    struct head head, later;
    fleet_begin(&fleet, 2);
    feed_allow_many(&fleet);
    const char *place = space_mount(SPACE_TMPFS, "feed");
    if (place == NULL)
        return;
    setenv("TMPDIR", place, 1);
    publisher_prepare(&publisher, &fleet);
    setenv("TMPDIR", "/tmp", 1);
    web_start(&web, publisher.feed, "");
    space_fill(0);
    publisher_start(&publisher);
    AWAIT(times_full() > 0);
    ck_assert(!publisher_head(&publisher, &head));
    feed_member(&edge, &fleet, &web);
    fleet_says(AT(edge, "fleet", "join", "--edge"), 5, "/head");
    space_free();
    publisher_await(&publisher, fleet_last(&fleet));
    an_edge_joins(&web);
    space_fill(0);
    ck_assert(publisher_head(&publisher, &head));
    int before = times_full();
    DONE(fleet.site[1], "create", "acme", "late");
    AWAIT(times_full() > before);
    ck_assert(publisher_head(&publisher, &later));
    ck_assert_uint_eq(later.number, head.number);
    an_edge_joins(&web);
    space_free();
    publisher_await(&publisher, fleet_last(&fleet));
    an_edge_joins(&web);
    space_fill(40);
    before = times_full();
    add_many(0, 3000);
    AWAIT(times_full() > before);
    an_edge_joins(&web);
    space_free();
    publisher_await(&publisher, fleet_last(&fleet));
    feed_far(&fleet, &publisher);
    an_edge_joins(&web);
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    web_stop(&web);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("publish full");
    TCase *tcase = tcase_create("full");
    tcase_set_timeout(tcase, 240);
    fleet_fixture(tcase, 2);
    tcase_add_test(tcase, full);
    tcase_add_test(tcase, full_feed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
