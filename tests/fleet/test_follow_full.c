/* SPDX-License-Identifier: ISC */
/* fleet follow on a full disk: hosts go on, and the missing entries are applied once there is room.
 */
#include "fleet/daemon.h"

#include "fault/space.h"

#include <signal.h>
#include <unistd.h>

#define EDGE 1

static struct fleet_of fleet;
static struct daemon_of follower;
static const char *text; /* of the token acme/web */

/* The folder of the edge moves to a small file system. */
static bool move_edge(void)
{
    struct member *edge = &fleet.site[EDGE];
    const char *place = space_mount(SPACE_TMPFS, "follow");
    if (place == NULL)
        return false;
    const char *copy[] = {"cp", "-a", edge->folder, place, NULL};
    ck_assert_int_eq(run_process(copy, NULL).status, 0);
    edge->folder = keep_string(strdup(in_folder(place, strrchr(edge->folder, '/') + 1)));
    edge->config = keep_string(strdup(in_folder(edge->folder, "esp-token.conf")));
    return true;
}

static bool begin(void)
{
    fleet_folders(&fleet, 2);
    if (!move_edge())
        return false;
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    text = DONE(fleet.site[0], "create", "acme", "web", "-q");
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    fleet_let_in_edge(&fleet, EDGE);
    daemon_start(&follower, &fleet.site[EDGE], "follow");
    UNTIL(daemon_says(&follower, "following from entry"));
    return true;
}

static int verify(void)
{
    return CTL(fleet.site[EDGE].config, text, "verify").status;
}

static void add_many(int from, int count)
{
    char *lines = keep_string(calloc((size_t)count, 24));
    for (int i = 0; i < count; i++)
        snprintf(lines + strlen(lines), 24, "n%d customer\n", from + i);
    fleet_done(CTL(fleet.site[0].config, lines, "entity", "add", "--from", "-"));
}

/* Without its reserve the follower can apply nothing, and hosts go on. Once there is room, it
   applies everything, without a restart. */
START_TEST(full)
{
    if (!begin())
        return;
    unlink(in_folder(fleet.site[EDGE].folder, "tokens.mdb.reserve"));
    space_fill(0);
    add_many(0, 800);
    DONE(fleet.site[0], "edit", "acme/web", "--status", "inactive");
    UNTIL(daemon_says(&follower, "the disk is full"));
    ck_assert_int_eq(verify(), 0);
    add_many(800, 10);
    ck_assert_int_eq(verify(), 0);
    space_free();
    UNTIL(verify() == 1);
    UNTIL(daemon_says(&follower, "following again from entry"));
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    fleet_same_edge(&fleet, EDGE, 0);
    DONE(fleet.site[EDGE], "check");
}
END_TEST

/* With the reserve, a revocation is applied on a full disk. */
START_TEST(reserve)
{
    if (!begin())
        return;
    space_fill(0);
    add_many(0, 100);
    DONE(fleet.site[0], "edit", "acme/web", "--status", "inactive");
    UNTIL(verify() == 1);
    ck_assert_int_eq(daemon_count(&follower, "kept for revocations"), 1);
    space_free();
    DONE(fleet.site[0], "edit", "acme/web", "--status", "active");
    UNTIL(verify() == 0);
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    fleet_same_edge(&fleet, EDGE, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("follow full");
    TCase *tcase = tcase_create("full");
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, full);
    tcase_add_test(tcase, reserve);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
