/* SPDX-License-Identifier: ISC */
/* fleet publish on a full disk: it says so, and goes on when there is room. */
#include "fleet/publisher.h"

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
    publisher_await(&publisher, fleet_entry(&fleet, 1));
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    fleet_same(&fleet, 0, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("publish full");
    TCase *tcase = tcase_create("full");
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, full);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
