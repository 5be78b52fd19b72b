/* SPDX-License-Identifier: ISC */
/* restore in a fleet: one entry has all changes that lead back to the backup, for every site. */
#include "cli/terminal.h"
#include "fleet/members.h"

#include "common/token.h"

static struct fleet_of fleet;
static const char *kept; /* a folder: what the fleet is before each test */
static const char *backup;

static const char *exported(int site)
{
    return DONE(fleet.site[site], "export", "--sealed");
}

static const char *revealed_text(const char *token)
{
    const char *shown = DONE(fleet.site[0], "show", token, "--reveal"),
               *at = strstr(shown, "esptk_");
    ck_assert_ptr_nonnull(at);
    return keep_string(strndup(at, TOKEN_TEXT_LEN));
}

static int verdict_at(int site, const char *text)
{
    return run_ctl(fleet.site[site].config, text, (const char *const[]){"verify", NULL}).status;
}

/* Once for all tests. */
static void make(void)
{
    fleet_begin(&fleet, 2);
    DONE(fleet.site[0], "entity", "add", "bolt", "--kind", "customer", "--reseller", "acme");
    DONE(fleet.site[0], "entity", "add", "gone", "--kind", "customer");
    DONE(fleet.site[0], "create", "acme", "a", "--note", "first");
    DONE(fleet.site[1], "create", "acme", "b", "--expires", "40d");
    backup = keep_string(strdup(in_folder(temp_folder(), "backup.mdb")));
    DONE(fleet.site[0], "backup", backup);
    kept = temp_folder();
    fleet_copy(&fleet, 2, kept, false);
}

static void begin(void)
{
    fleet_copy(&fleet, 2, kept, true);
}

/* Changes of every kind; names of tokens and entities are exchanged. */
static void go_on(void)
{
    static const char *const steps[][12] = {
        {"edit", "acme/a", "--name", "c"},
        {"edit", "acme/b", "--name", "a", "--note", "second"},
        {"edit", "acme/c", "--name", "b"},
        {"rotate", "acme/a", "--overlap", "2d"},
        {"create", "acme", "late"},
        {"edit", "acme/b", "--status", "inactive"},
        {"remove", "acme/default", "--yes"},
        {"entity", "edit", "bolt", "--name", "tmp", "--reseller", "none"},
        {"entity", "remove", "gone", "--yes"},
        {"entity", "add", "bolt", "--kind", "reseller", "--tier", "advanced"},
        {"entity", "edit", "tmp", "--name", "gone", "--reseller", "bolt"},
        {"entity", "edit", "acme", "--status", "inactive", "--contact", "x@example.com"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        fleet_done(run_ctl(fleet.site[i % 2].config, NULL, steps[i]));
}

START_TEST(leads_back)
{
    begin();
    const char *before = keep_string(strdup(exported(0)));
    const char *removed = revealed_text("acme/default");
    go_on();
    DONE(fleet.site[0], "show", "gone/default");
    fleet_same(&fleet, 0, 1);
    ck_assert_int_eq(verdict_at(1, removed), 1);
    const char *late = revealed_text("acme/late");
    const uint64_t entry = fleet_entry(&fleet, 1);
    const char *said = DONE(fleet.site[1], "restore", backup, "--yes");
    ck_assert_msg(strstr(said, "in the whole fleet") != NULL, "%s", said);
    ck_assert_uint_eq(fleet_entry(&fleet, 1), entry + 1);
    fleet_same(&fleet, 0, 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(exported(i), before);
        DONE(fleet.site[i], "check");
        DONE(fleet.site[i], "check", "--texts");
        ck_assert_int_eq(verdict_at(i, removed), 0);
        ck_assert_int_eq(verdict_at(i, late), 1);
        DONE(fleet.site[i], "log", "verify");
    }
    /* the log goes on, and names what the restore did */
    said = DONE(fleet.site[0], "log", "-n", "1");
    ck_assert_ptr_nonnull(strstr(said, "restore"));
    ck_assert_ptr_nonnull(strstr(said, "token acme/\"default\""));
    /* the fleet goes on, and numbers of entities are not used again */
    DONE(fleet.site[1], "entity", "add", "fresh", "--kind", "customer");
    DONE(fleet.site[0], "create", "acme", "d");
    fleet_same(&fleet, 0, 1);
    DONE(fleet.site[0], "check");
}
END_TEST

/* At a terminal restore lists what the fleet loses, and asks. With --json it prints counts. */
START_TEST(asks)
{
    begin();
    DONE(fleet.site[1], "create", "acme", "late");
    struct seen seen = AT_TERMINAL(fleet.site[0].config, "n\n", NULL, "restore", backup);
    ck_assert_int_ne(seen.status, 0);
    ck_assert_msg(strstr(seen.text, "lead the whole fleet back") != NULL, "%s", seen.text);
    ck_assert_msg(strstr(seen.text, "Every machine of the fleet loses") != NULL, "%s", seen.text);
    seen = AT_TERMINAL(fleet.site[0].config, "n\n", NULL, "restore", backup, "--no-manifest");
    ck_assert_msg(strstr(seen.text, "without a manifest") != NULL, "%s", seen.text);
    DONE(fleet.site[1], "show", "acme/late");
    const char *said = DONE(fleet.site[0], "--json", "restore", backup, "--yes");
    ck_assert_msg(strstr(said, "\"restored\"") != NULL && strstr(said, "\"removed\": 1") != NULL,
                  "%s", said);
    fleet_says(AT(fleet.site[1], "show", "acme/late"), 3, "acme/late");
}
END_TEST

/* A text that has been sealed to a newer key since the backup stays sealed to that key. */
START_TEST(after_a_key_rotation)
{
    begin();
    DONE(fleet.site[0], "key", "rotate");
    DONE(fleet.site[0], "remove", "acme/a", "--yes");
    DONE(fleet.site[0], "restore", backup, "--yes");
    fleet_same(&fleet, 0, 1);
    DONE(fleet.site[0], "check", "--texts");
    const char *keys = DONE(fleet.site[0], "--json", "key", "list");
    ck_assert_msg(strstr(keys, "\"texts\": 1") != NULL || strstr(keys, "\"texts\":1") != NULL, "%s",
                  keys); /* acme/a alone */
    DONE(fleet.site[0], "show", "acme/a", "--reveal");
    DONE(fleet.site[0], "show", "acme/b", "--reveal");
    DONE(fleet.site[0], "create", "acme", "c");
}
END_TEST

START_TEST(keeps_removed)
{
    begin();
    const char *off = revealed_text("acme/b");
    DONE(fleet.site[1], "remove", "acme/a", "--yes");
    DONE(fleet.site[1], "edit", "acme/b", "--status", "inactive");
    DONE(fleet.site[1], "create", "acme", "late");
    DONE(fleet.site[0], "restore", backup, "--yes", "--keep-removed");
    fleet_same(&fleet, 0, 1);
    fleet_says(AT(fleet.site[1], "show", "acme/a"), 3, "acme/a");
    fleet_says(AT(fleet.site[1], "show", "acme/late"), 3, "acme/late");
    ck_assert_int_eq(verdict_at(1, off), 1);
    for (int i = 0; i < 2; i++)
        DONE(fleet.site[i], "check");
}
END_TEST

static void another_change(const char *config)
{
    (void)config;
    DONE(fleet.site[1], "create", "acme", "meanwhile");
}

START_TEST(is_asked)
{
    begin();
    DONE(fleet.site[0], "remove", "acme/a", "--yes");
    static const char *args[] = {"restore", NULL, NULL};
    args[1] = backup;
    fleet_says(AT(fleet.site[0], "restore", backup), 2, "--yes");
    const uint64_t before = fleet_entry(&fleet, 0);
    struct seen seen = at_terminal(fleet.site[0].config, args, "n\n", NULL);
    ck_assert_int_eq(seen.status, 4);
    ck_assert_msg(strstr(seen.text, "0 removed, 0 changed, 1 added again") != NULL, "%s",
                  seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "acme/a"));
    ck_assert_uint_eq(fleet_entry(&fleet, 0), before);
    /* a change at another site during the question makes the restore fail, too */
    seen = at_terminal(fleet.site[0].config, args, "y\n", another_change);
    ck_assert_int_eq(seen.status, 4);
    ck_assert_msg(strstr(seen.text, "changed meanwhile") != NULL, "%s", seen.text);
    DONE(fleet.site[0], "show", "acme/meanwhile");
    seen = at_terminal(fleet.site[0].config, args, "y\n", NULL);
    ck_assert_msg(seen.status == 0, "%s", seen.text);
    DONE(fleet.site[1], "show", "acme/a");
    fleet_says(AT(fleet.site[1], "show", "acme/meanwhile"), 3, "meanwhile");
    fleet_same(&fleet, 0, 1);
}
END_TEST

static bool leaves_a_copy(const struct member *member)
{
    char command[4200];
    snprintf(command, sizeof command, "ls -A '%s' | grep -v '^tokens.mdb' | grep -q 'new\\|tmp'",
             member->folder);
    return system(command) == 0;
}

/* A restore that fails changes nothing in the fleet. */
START_TEST(refusals)
{
    begin();
    DONE(fleet.site[1], "remove", "acme/a", "--yes");
    const uint64_t before = fleet_entry(&fleet, 0);
    fleet_fault(&fleet, 0, "failed");
    fleet_says(AT(fleet.site[0], "restore", backup, "--yes"), 5, "nothing was changed");
    fleet_fault(&fleet, 0, NULL);
    ck_assert_uint_eq(fleet_entry(&fleet, 0), before);
    fleet_says(AT(fleet.site[0], "show", "acme/a"), 3, "acme/a");
    ck_assert(!leaves_a_copy(&fleet.site[0]));
    /* a damaged backup */
    size_t len;
    char *bytes = file_read(backup, &len);
    const char *damaged = in_folder(temp_folder(), "damaged.mdb");
    memset(bytes + len - 4096, 'x', 2048);
    file_write(damaged, bytes, len, 0600);
    ck_assert_int_eq(AT(fleet.site[0], "restore", damaged, "--yes", "--no-manifest").status, 5);
    ck_assert_uint_eq(fleet_entry(&fleet, 0), before);
    ck_assert(!leaves_a_copy(&fleet.site[0]));
    /* a machine that is no site */
    DONE(fleet.site[0], "fleet", "site", "remove", "hq-2");
    fleet_says(AT(fleet.site[1], "restore", backup, "--yes"), 4, "is no site of the fleet");
    /* a store that cannot be opened is not replaced by one outside the fleet */
    const char *store = in_folder(fleet.site[0].folder, "tokens.mdb");
    file_write(store, "damaged", 7, 0600);
    fleet_says(AT(fleet.site[0], "restore", backup, "--yes"), 5, "fleet join");
    bytes = file_read(store, &len);
    ck_assert_uint_eq(len, 7);
}
END_TEST

/* A backup from before the store joined a fleet can be restored, too. */
START_TEST(from_before_the_fleet)
{
    fleet_folders(&fleet, 2);
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    backup = keep_string(strdup(in_folder(temp_folder(), "backup.mdb")));
    DONE(fleet.site[0], "backup", backup);
    const char *before = keep_string(strdup(exported(0)));
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    fleet_let_in(&fleet, 1);
    DONE(fleet.site[1], "entity", "add", "late", "--kind", "customer");
    DONE(fleet.site[1], "restore", backup, "--yes");
    fleet_same(&fleet, 0, 1);
    ck_assert_str_eq(exported(1), before);
    DONE(fleet.site[0], "fleet", "site", "list");
    DONE(fleet.site[0], "create", "acme", "x");
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("restore in a fleet");
    TCase *tcase = tcase_create("restore");
    tcase_set_timeout(tcase, 240);
    tcase_add_unchecked_fixture(tcase, make, NULL);
    tcase_add_test(tcase, leads_back);
    tcase_add_test(tcase, asks);
    tcase_add_test(tcase, after_a_key_rotation);
    tcase_add_test(tcase, keeps_removed);
    tcase_add_test(tcase, is_asked);
    tcase_add_test(tcase, refusals);
    tcase_add_test(tcase, from_before_the_fleet);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
