/* SPDX-License-Identifier: ISC */
/* What the commands of a fleet refuse, what they print as JSON, and their questions. */
#include "cli/terminal.h"
#include "fleet/members.h"

#include <sys/stat.h>
#include <unistd.h>

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct fleet_of fleet;

static void setup(void)
{
    fleet_begin(&fleet, 2);
}

static void use_journal(const struct member *site, const char *journal)
{
    char settings[4200];
    snprintf(settings, sizeof settings, "path = %s\n", journal);
    file_write(in_folder(site->folder, "journal.conf"), settings, strlen(settings), 0600);
}

/* Wrong operands of fleet site and fleet edge. */
START_TEST(words_of_site)
{
    const struct member *site = &fleet.site[0];
    fleet_says(AT(*site, "fleet", "site", "add", "no name", KEY), 2,
               "NAME is not the name of a site");
    fleet_says(AT(*site, "fleet", "edge", "add", "no name", KEY), 2,
               "NAME is not the name of an edge");
    fleet_says(AT(*site, "fleet", "site", "add", "hq-9", "0123"), 2, "KEY is not");
    fleet_says(AT(*site, "fleet", "site", "add", "hq-9"), 2,
               "write add NAME KEY, remove NAME, or list");
    char *added = DONE(*site, "--json", "fleet", "site", "add", "hq-9", KEY);
    ck_assert_msg(strstr(added, "\"added\": {") != NULL &&
                      strstr(added, "\"key\": \"" KEY "\"") != NULL,
                  "%s", added);
    char *removed = DONE(*site, "--json", "fleet", "site", "remove", "hq-9");
    ck_assert_msg(strstr(removed, "\"removed\": {") != NULL &&
                      strstr(removed, "\"key\": null") != NULL,
                  "%s", removed);
}
END_TEST

/* A fleet begins once, in an empty journal, and a machine trusts one fleet. */
START_TEST(begins_once)
{
    const struct member *site = &fleet.site[0];
    const char *trust = in_folder(site->folder, "fleet.pub");
    fleet_says(AT(*site, "fleet", "init"), 4, "this machine trusts a fleet already");
    ck_assert_int_eq(unlink(trust), 0);
    fleet_says(AT(*site, "fleet", "init"), 4, "this journal holds a fleet already");
    use_journal(site, temp_folder());
    fleet_says(AT(*site, "fleet", "init"), 4, "this store belongs to a fleet already");

    struct fleet_of other = {0};
    fleet_folders(&other, 1);
    DONE(other.site[0], "fleet", "key");
    fleet_says(AT(other.site[0], "fleet", "site", "add", "hq-9", KEY), 4,
               "this store belongs to no fleet");
    use_journal(&other.site[0], fleet.journal);
    fleet_says(AT(other.site[0], "fleet", "init"), 4, "this journal holds a fleet already");
    ck_assert_int_ne(access(in_folder(other.site[0].folder, "fleet.pub"), F_OK), 0);
}
END_TEST

/* fleet.pub and site.key with wrong contents, a wrong mode, or missing. */
START_TEST(damaged_files)
{
    const struct member *site = &fleet.site[1];
    file_write(in_folder(site->folder, "fleet.pub"), "esp-token-fleet none\n", 21, 0644);
    fleet_says(AT(*site, "fleet", "join"), 5, "not a file as 'esp-tokenctl fleet init' writes it");
    ck_assert_int_eq(chmod(in_folder(site->folder, "fleet.pub"), 0666), 0);
    fleet_says(AT(*site, "fleet", "join"), 5, "fleet.pub");
    ck_assert_int_eq(unlink(in_folder(site->folder, "fleet.pub")), 0);
    fleet_says(AT(*site, "fleet", "join"), 5, "it says which fleet to trust");
    file_write(in_folder(site->folder, "site.key"), "no key\n", 7, 0600);
    fleet_says(AT(*site, "fleet", "key"), 5, "not a key as 'esp-tokenctl fleet key' writes it");
}
END_TEST

START_TEST(no_section)
{
    const char *folder, *config = store_folder(&folder);
    fleet_says(CTL(config, NULL, "fleet", "status"), 5, "it has no [fleet]");
}
END_TEST

/* The journal's plugin is missing. */
START_TEST(no_plugin)
{
    const struct member *site = &fleet.site[0];
    char *config = file_read(site->config, NULL);
    memcpy(strstr(config, "journal = bad"), "journal = bat", 13);
    file_text(site->config, config);
    fleet_says(AT(*site, "fleet", "join"), 5, "esp_journal_bat.so is not installed");
}
END_TEST

START_TEST(as_json)
{
    const struct member *site = &fleet.site[0];
    char pin[160];
    char *status = DONE(*site, "fleet", "status");
    ck_assert_int_eq(sscanf(strstr(status, "entry "), "entry %150s", pin), 1);
    ck_assert_ptr_nonnull(
        strstr(DONE(*site, "--json", "fleet", "status", "--pin", pin), "\"made\": true"));
    pin[strlen(pin) - 1] = pin[strlen(pin) - 1] == '0' ? '1' : '0';
    struct run run = AT(*site, "--json", "fleet", "status", "--pin", pin);
    ck_assert_int_eq(run.status, 1);
    ck_assert_ptr_nonnull(strstr(run.out, "\"made\": false"));
    ck_assert_int_eq(AT(*site, "fleet", "status", "--pin", "none").status, 2);
    ck_assert_ptr_nonnull(
        strstr(DONE(*site, "--json", "tier", "publish", "--yes"), "\"published\": {"));
    ck_assert_ptr_nonnull(
        strstr(DONE(fleet.site[1], "--json", "tier", "pull", "--yes"), "\"pulled\": {"));
    ck_assert_ptr_nonnull(strstr(DONE(*site, "--json", "fleet", "join", "--yes"), "\"joined\": {"));
}
END_TEST

/* If the store has entities of its own, join lists them and asks first. */
START_TEST(join_asks)
{
    struct fleet_of own = {0};
    fleet_folders(&own, 1);
    struct member *late = &own.site[0];
    DONE(*late, "entity", "add", "mine", "--kind", "customer");
    use_journal(late, fleet.journal);
    size_t len;
    for (size_t i = 0; i < 3; i++) {
        static const char *const files[] = {"fleet.pub", "reveal.pub", "reveal.key"};
        const char *data = file_read(in_folder(fleet.site[0].folder, files[i]), &len);
        file_write(in_folder(late->folder, files[i]), data, len, i == 2 ? 0600 : 0644);
    }
    struct seen seen = AT_TERMINAL(late->config, "n\n", NULL, "fleet", "join");
    ck_assert_msg(strstr(seen.text, "The fleet lacks this part of the store") != NULL, "%s",
                  seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "1 entities (mine)"));
    ck_assert_int_ne(seen.status, 0);
    DONE(*late, "entity", "show", "mine");
    seen = AT_TERMINAL(late->config, "y\n", NULL, "fleet", "join");
    ck_assert_msg(seen.status == 0, "%s", seen.text);
    ck_assert_int_eq(AT(*late, "entity", "show", "mine").status, 3);
    fleet_is_whole(late);
}
END_TEST

/* If the tier table lacks the tier of an entity, publish names the entity and asks first. */
START_TEST(publish_asks)
{
    const struct member *site = &fleet.site[0];
    const char *path = in_folder(site->folder, "tiers.ini");
    char *table = file_read(path, NULL);
    for (char *at = table; (at = strstr(at, "advanced")) != NULL;)
        memcpy(at, "superior", strlen("superior"));
    file_text(path, table);
    struct seen seen = AT_TERMINAL(site->config, "n\n", NULL, "tier", "publish");
    ck_assert_msg(strstr(seen.text, "acme") != NULL && strstr(seen.text, "[y/N]") != NULL, "%s",
                  seen.text);
    ck_assert_int_ne(seen.status, 0);
    fleet_says(AT(fleet.site[1], "tier", "pull", "--yes"), 4, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fleet words");
    TCase *tests = tcase_create("fleet words");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, words_of_site);
    tcase_add_test(tests, begins_once);
    tcase_add_test(tests, damaged_files);
    tcase_add_test(tests, no_section);
    tcase_add_test(tests, no_plugin);
    tcase_add_test(tests, as_json);
    tcase_add_test(tests, join_asks);
    tcase_add_test(tests, publish_asks);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
