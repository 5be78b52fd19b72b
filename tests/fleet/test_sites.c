/* SPDX-License-Identifier: ISC */
/* Sites of one fleet: after every command, at either site, the stores are the same, byte for byte.
 */
#include "fleet/members.h"
#include "fleet/steps.h"

#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fleet_of fleet;

START_TEST(every_command_at_either_site)
{
    fleet_begin(&fleet, 2);
    fleet_same(&fleet, 0, 1);
    for (size_t i = 0; i < STEPS; i++) {
        struct run run = run_ctl(fleet.site[steps[i].site].config, steps[i].input, steps[i].args);
        ck_assert_msg(run.status == 0, "step %zu: status %d: %s", i, run.status, run.err);
        fleet_same(&fleet, steps[i].site, 1 - steps[i].site);
    }
    /* commands that read before they write see what another site has just written */
    static const char *const looks[][5] = {
        {"show", "acme/new", "--reveal"}, {"rotate", "acme/new"}, {"remove", "acme/new", "--yes"}};
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        DONE(fleet.site[0], "create", "acme", "new");
        fleet_done(run_ctl(fleet.site[1].config, NULL, looks[i]));
        if (AT(fleet.site[0], "remove", "acme/new", "--yes").status != 0)
            ck_assert_str_eq(looks[i][0], "remove");
    }
    DONE(fleet.site[0], "entity", "add", "brief", "--kind", "customer");
    DONE(fleet.site[1], "entity", "remove", "brief", "--yes");
    for (int i = 0; i < 2; i++)
        DONE(fleet.site[i], "check");
    const char *pin = DONE(fleet.site[0], "log", "verify");
    ck_assert_str_eq(pin, DONE(fleet.site[1], "log", "verify"));
}
END_TEST

/* In bulk: many records in one entry, foreign tokens, and facts of many tokens at once. */
START_TEST(bulk)
{
    static char lines[300 * 16];
    for (int i = 0; i < 300; i++)
        snprintf(lines + strlen(lines), 16, "n%d\n", i);
    fleet_begin(&fleet, 2);
    char *tiers = file_read(in_folder(fleet.site[0].folder, "tiers.ini"), NULL);
    char *limit = strstr(tiers, "max_tokens = 5");
    ck_assert_ptr_nonnull(limit);
    memcpy(limit, "max_tokens=900", 14);
    for (int i = 0; i < 2; i++)
        file_text(in_folder(fleet.site[i].folder, "tiers.ini"), tiers);
    fleet_done(CTL(fleet.site[0].config, lines, "create", "acme", "--from", "-"));
    fleet_same(&fleet, 0, 1);
    const uint64_t before = fleet_entry(&fleet, 1);
    DONE(fleet.site[1], "entity", "edit", "acme", "--status", "inactive");
    struct stat st;
    ck_assert_int_eq(stat(fleet_entry_path(&fleet, before + 1), &st), 0);
    ck_assert_msg(st.st_size < 300 * 16, "%lld bytes", (long long)st.st_size); /* ids alone */
    fleet_same(&fleet, 1, 0);
    DONE(fleet.site[0], "entity", "edit", "acme", "--name", "apex");
    fleet_same(&fleet, 0, 1);
    static const char import[] =
        "{\"entity\": {\"name\": \"old\", \"kind\": \"customer\", \"tier\": \"advanced\"}}\n"
        "{\"token\": {\"foreign\": true, \"entity\": \"old\", \"name\": \"x\", \"sha256\": "
        "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}}\n";
    fleet_done(CTL(fleet.site[1].config, import, "import", "-"));
    fleet_same(&fleet, 1, 0);
    DONE(fleet.site[0], "remove", "old/x", "--yes", "--last");
    fleet_same(&fleet, 0, 1);
    DONE(fleet.site[0], "entity", "remove", "apex", "--yes");
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* A machine joins with a store of its own: join asks first, and then removes what the store had. */
START_TEST(join_lists_what_is_lost)
{
    fleet_begin(&fleet, 1);
    DONE(fleet.site[0], "create", "acme", "web");
    struct fleet_of other = {.pg = NULL};
    fleet_folders(&other, 1);
    struct fleet_of both = fleet;
    both.site[1] = other.site[0];
    snprintf(both.site[1].name, sizeof both.site[1].name, "hq-2");
    fleet_fault(&both, 1, NULL);
    char *config = file_read(both.site[1].config, NULL), *name = strstr(config, "name = hq-1");
    name[10] = '2';
    file_text(both.site[1].config, config);
    size_t len;
    for (int i = 0; i < 3; i++) {
        static const char *const files[] = {"fleet.pub", "reveal.pub", "reveal.key"};
        const char *data = file_read(in_folder(fleet.site[0].folder, files[i]), &len);
        file_write(in_folder(both.site[1].folder, files[i]), data, len, i == 2 ? 0600 : 0644);
    }
    DONE(both.site[1], "entity", "add", "mine", "--kind", "customer");
    const char *before = DONE(both.site[1], "list");
    fleet_says(AT(both.site[1], "fleet", "join"), 2, "add --yes");
    ck_assert_str_eq(DONE(both.site[1], "list", "--stale"), before);
    DONE(both.site[1], "fleet", "join", "--yes");
    fleet_same(&both, 0, 1);
    fleet_says(AT(both.site[1], "entity", "show", "mine"), 3, "mine");
    /* a second join has nothing to remove, and does not ask */
    DONE(both.site[1], "fleet", "join");
    fleet_says(AT(both.site[1], "create", "acme", "x"), 5, "run 'esp-tokenctl fleet key'");
    fleet_key_of(&both, 1);
    /* it may not write yet, and the message says how it may */
    fleet_says(AT(both.site[1], "create", "acme", "x"), 4, "fleet site add hq-2 ");
    DONE(both.site[0], "fleet", "site", "add", "hq-2", fleet_key_of(&both, 1));
    DONE(both.site[1], "create", "acme", "x");
    fleet_same(&both, 0, 1);
}
END_TEST

START_TEST(sites_come_and_go)
{
    fleet_begin(&fleet, 2);
    const struct member *one = &fleet.site[0], *two = &fleet.site[1];
    ck_assert_ptr_nonnull(strstr(DONE(*one, "fleet", "site", "list"), two->name));
    fleet_says(AT(*one, "fleet", "site", "add", "hq-2", fleet_key_of(&fleet, 0)), 4, "already");
    fleet_says(AT(*one, "fleet", "site", "add", "hq-3", fleet_key_of(&fleet, 1)), 4,
               "site hq-2 has this key");
    fleet_says(AT(*one, "fleet", "site", "add", "hq-3", "abc"), 2, "KEY is not");
    fleet_says(AT(*one, "fleet", "site", "remove", "hq-9"), 3, "no site hq-9");
    fleet_says(AT(*one, "fleet", "site"), 2, "add|remove|list");
    DONE(*one, "fleet", "site", "remove", "hq-2");
    fleet_same(&fleet, 0, 1); /* the removed site still reads */
    const char *before = DONE(*two, "list");
    fleet_says(AT(*two, "create", "acme", "x"), 4, "is no site of the fleet");
    ck_assert_str_eq(DONE(*two, "list"), before);
    fleet_says(AT(*one, "fleet", "site", "remove", "hq-1"), 4, "the only site");
    DONE(*one, "fleet", "site", "add", "hq-2", fleet_key_of(&fleet, 1));
    DONE(*two, "create", "acme", "x");
    DONE(*two, "fleet", "site", "remove", "hq-1"); /* the founder too */
    fleet_same(&fleet, 0, 1);
    fleet_says(AT(*one, "create", "acme", "y"), 4, "is no site of the fleet");
}
END_TEST

/* With a configuration without [fleet], no command writes to the store of a fleet. */
START_TEST(marked_store)
{
    fleet_begin(&fleet, 1);
    const struct member *one = &fleet.site[0];
    const char *with = file_read(one->config, NULL);
    char *without = keep_string(strdup(with));
    *strstr(without, "[fleet]") = '\0';
    const char *before = DONE(*one, "list");
    file_text(one->config, without);
    static const char *const writes[][6] = {
        {"create", "acme", "x"},
        {"remove", "acme/default", "--yes", "--last"},
        {"entity", "edit", "acme", "--status", "inactive"},
        {"show", "acme/default", "--reveal"},
        {"key", "rotate"},
    };
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
        fleet_says(run_ctl(one->config, NULL, writes[i]), 4, "belongs to a fleet");
    ck_assert_str_eq(DONE(*one, "list"), before); /* reading is allowed */
    /* the backup is made; its note in the log is not */
    const char *backup = in_folder(one->folder, "backup.mdb");
    struct run run = AT(*one, "backup", backup);
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.err, "the log has no entry for it"));
    fleet_says(AT(*one, "restore", backup, "--yes"), 4, "belongs to a fleet");
    file_text(one->config, with);
    DONE(*one, "create", "acme", "x");
    DONE(*one, "fleet", "check");
    /* a backup of a fleet's store does not become a store on its own */
    struct fleet_of other = {.pg = NULL};
    fleet_folders(&other, 1);
    fleet_says(AT(other.site[0], "restore", backup, "--yes"), 4, "of a store of a fleet");
}
END_TEST

START_TEST(key_rotate_is_shared)
{
    fleet_begin(&fleet, 2);
    DONE(fleet.site[0], "key", "rotate");
    fleet_same(&fleet, 0, 1);
    const char *before = DONE(fleet.site[1], "list");
    fleet_says(AT(fleet.site[1], "create", "acme", "x"), 5, "reveal key");
    fleet_says(AT(fleet.site[1], "create", "acme", "x"), 5, "copy the public and the secret key");
    ck_assert_str_eq(DONE(fleet.site[1], "list"), before);
    size_t len;
    const char *data = file_read(in_folder(fleet.site[0].folder, "reveal.pub"), &len);
    file_write(in_folder(fleet.site[1].folder, "reveal.pub"), data, len, 0644);
    data = file_read(in_folder(fleet.site[0].folder, "reveal.key"), &len);
    file_write(in_folder(fleet.site[1].folder, "reveal.key"), data, len, 0600);
    DONE(fleet.site[1], "create", "acme", "x");
    DONE(fleet.site[1], "show", "acme/default", "--reveal");
    fleet_same(&fleet, 1, 0);
    DONE(fleet.site[0], "check", "--texts");
}
END_TEST

/* One tier table for all sites: a site with another table cannot write. */
START_TEST(one_tier_table)
{
    fleet_begin(&fleet, 2);
    const char *draft = in_folder(fleet.site[0].folder, "draft.ini");
    char *tiers = file_read(in_folder(fleet.site[0].folder, "tiers.ini"), NULL);
    fleet_says(AT(fleet.site[1], "tier", "pull", "--yes"), 4, "no tier table");
    memcpy(strstr(tiers, "max_tokens = 5"), "max_tokens = 7", 14);
    file_text(draft, tiers);
    fleet_says(AT(fleet.site[0], "tier", "publish", draft), 2, "--yes");
    DONE(fleet.site[0], "tier", "publish", draft, "--yes");
    ck_assert_str_eq(file_read(in_folder(fleet.site[0].folder, "tiers.ini"), NULL), tiers);
    DONE(fleet.site[0], "create", "acme", "a");
    const char *before = DONE(fleet.site[1], "list");
    fleet_says(AT(fleet.site[1], "create", "acme", "b"), 5, "tier pull");
    ck_assert_str_eq(DONE(fleet.site[1], "list"), before);
    DONE(fleet.site[1], "tier", "pull", "--yes");
    ck_assert_str_eq(file_read(in_folder(fleet.site[1].folder, "tiers.ini"), NULL), tiers);
    DONE(fleet.site[1], "create", "acme", "b");
    fleet_same(&fleet, 0, 1);
    /* a broken table is not published, and an altered one is not taken */
    file_text(draft, "[lite]\n");
    const uint64_t entry = fleet_entry(&fleet, 0);
    ck_assert_int_eq(AT(fleet.site[0], "tier", "publish", draft, "--yes").status, 5);
    ck_assert_uint_eq(fleet_entry(&fleet, 0), entry);
    memcpy(strstr(tiers, "max_tokens = 7"), "max_tokens = 9", 14);
    file_text(in_folder(fleet.site[0].folder, "tiers.ini"), tiers);
    fleet_says(AT(fleet.site[0], "create", "acme", "c"), 5, "differs from the tier table");
    char command[4200];
    snprintf(command, sizeof command, "for f in '%s'/pieces/tiers-*; do echo >>$f; done",
             fleet.journal);
    ck_assert_int_eq(system(command), 0);
    fleet_says(AT(fleet.site[0], "tier", "pull", "--yes"), 5, "damaged");
    ck_assert_str_eq(file_read(in_folder(fleet.site[0].folder, "tiers.ini"), NULL), tiers);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("sites");
    TCase *tcase = tcase_create("sites");
    tcase_set_timeout(tcase, 240);
    fleet_fixture(tcase, 2);
    tcase_add_test(tcase, every_command_at_either_site);
    tcase_add_test(tcase, bulk);
    tcase_add_test(tcase, join_lists_what_is_lost);
    tcase_add_test(tcase, sites_come_and_go);
    tcase_add_test(tcase, marked_store);
    tcase_add_test(tcase, key_rotate_is_shared);
    tcase_add_test(tcase, one_tier_table);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
