/* SPDX-License-Identifier: ISC */
/* A site whose disk is full after the journal has taken its change: the command reports that the
   change is made, whether the site could store the entry, the records or neither. */
#include "fleet/members.h"

#include "fault/space.h"

#include <unistd.h>

static struct fleet_of fleet;

/* Two sites; the folder of the second is on a small file system. */
static bool begin(void)
{
    fleet_begin(&fleet, 2);
    struct member *site = &fleet.site[1];
    const char *place = space_mount(SPACE_TMPFS, "site");
    if (place == NULL)
        return false;
    const char *copy[] = {"cp", "-a", site->folder, place, NULL};
    ck_assert_int_eq(run_process(copy, NULL).status, 0);
    site->folder = keep_string(strdup(in_folder(place, strrchr(site->folder, '/') + 1)));
    site->config = keep_string(strdup(in_folder(site->folder, "esp-token.conf")));
    return true;
}

static bool there(uint64_t number)
{
    return access(fleet_entry_path(&fleet, number), F_OK) == 0;
}

/* Neither the entry nor the records can be stored. */
START_TEST(nothing_can_be_stored)
{
    if (!begin())
        return;
    const uint64_t before = fleet_entry(&fleet, 1);
    const char *kept = keep_string(strdup(in_folder(fleet.site[1].folder, "tokens.mdb.kept")));
    ck_assert_int_eq(unlink(kept), 0);
    space_fill(0);
    struct run run = AT(fleet.site[1], "entity", "add", "full", "--kind", "customer");
    ck_assert_msg(run.status == 0, "%d: %s", run.status, run.err);
    ck_assert_msg(strstr(run.err, "the change is done, and in force in the fleet") != NULL, "%s",
                  run.err);
    ck_assert(there(before + 1) && !there(before + 2));
    DONE(fleet.site[0], "entity", "show", "full");
    space_free();
    fleet_same(&fleet, 0, 1); /* it takes up what it could not store */
    DONE(fleet.site[1], "check");
    /* a site that has kept it can put it back */
    size_t len, now;
    const char *path = keep_string(strdup(fleet_entry_path(&fleet, before + 1)));
    const char *entry = file_read(path, &len);
    ck_assert_int_eq(unlink(path), 0);
    DONE(fleet.site[0], "fleet", "refill");
    const char *again = file_read(path, &now);
    ck_assert(again != NULL && now == len && memcmp(again, entry, len) == 0);
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* A change that removes the records of many tokens. The store has room for that within its file,
   but the entry itself does not fit on the disk. */
START_TEST(only_the_entry_is_too_long)
{
    enum { TOKENS = 800 };
    static char lines[TOKENS * 8];
    size_t used = 0;
    if (!begin())
        return;
    char *tiers = file_read(in_folder(fleet.site[0].folder, "tiers.ini"), NULL);
    memcpy(strstr(tiers, "max_tokens = 5"), "max_tokens=900", 14);
    for (int i = 0; i < 2; i++)
        file_text(in_folder(fleet.site[i].folder, "tiers.ini"), tiers);
    for (int i = 0; i < TOKENS; i++)
        used += (size_t)snprintf(lines + used, sizeof lines - used, "n%d\n", i);
    const char *config = fleet.site[1].config;
    for (int round = 0; round < 2; round++) {
        if (round > 0)
            lines[used / 2 + strcspn(lines + used / 2, "\n") + 1] = '\0';
        DONE(fleet.site[1], "entity", "add", "bulk", "--kind", "customer", "--tier", "advanced");
        fleet_done(CTL(config, lines, "create", "bulk", "--from", "-"));
        if (round == 0)
            DONE(fleet.site[1], "entity", "remove", "bulk", "--yes");
    }
    const uint64_t before = fleet_entry(&fleet, 1);
    const char *kept = keep_string(strdup(in_folder(fleet.site[1].folder, "tokens.mdb.kept")));
    ck_assert_int_eq(unlink(kept), 0);
    space_fill(3);
    struct run run = AT(fleet.site[1], "entity", "remove", "bulk", "--yes");
    ck_assert_msg(run.status == 0, "%d: %s", run.status, run.err);
    ck_assert_msg(strstr(run.err, "the change is done; its entry could not be kept here") != NULL,
                  "%s", run.err);
    ck_assert(there(before + 1));
    ck_assert_str_eq(DONE(fleet.site[1], "entity", "list", "--stale", "-q"), "acme\n");
    space_free();
    fleet_same(&fleet, 0, 1);
    DONE(fleet.site[1], "check");
}
END_TEST

/* Several changes on a full disk: each one is reported as done and is in the journal once, or is
   reported as failed and is nowhere. */
START_TEST(said_is_true)
{
    enum { CHANGES = 12 };
    int done = 0;
    if (!begin())
        return;
    fleet_entry(&fleet, 1); /* catches up */
    space_fill(0);
    for (int i = 0; i < CHANGES; i++) {
        char name[16];
        snprintf(name, sizeof name, "full-%d", i);
        const uint64_t before = fleet_entry(&fleet, 0);
        struct run run = AT(fleet.site[1], "entity", "add", name, "--kind", "customer");
        ck_assert_msg(run.status == 0 || run.status == 5, "%d: %s", run.status, run.err);
        ck_assert(run.status == 0 || strstr(run.err, "nothing was changed") != NULL);
        ck_assert_uint_eq(fleet_entry(&fleet, 0), before + (run.status == 0));
        ck_assert_int_eq(AT(fleet.site[0], "entity", "show", name).status, run.status == 0 ? 0 : 3);
        done += run.status == 0;
    }
    space_free();
    ck_assert_int_ge(done, 1);
    fleet_same(&fleet, 0, 1);
    DONE(fleet.site[1], "check");
    DONE(fleet.site[1], "create", "acme", "after");
    fleet_same(&fleet, 0, 1);
    printf("%d of %d changes were done on a full disk\n", done, CHANGES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("site full");
    TCase *tcase = tcase_create("full");
    tcase_set_timeout(tcase, 120);
    fleet_fixture(tcase, 2);
    tcase_add_test(tcase, nothing_can_be_stored);
    tcase_add_test(tcase, only_the_entry_is_too_long);
    tcase_add_test(tcase, said_is_true);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
