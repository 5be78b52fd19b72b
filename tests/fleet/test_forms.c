/* SPDX-License-Identifier: ISC */
/* Entries, pieces and the folder of a journal as earlier versions wrote them stay readable, and a
   fleet goes on from there. tests/fixtures/make_journal1.sh made the fixture. */
#include "fleet/members.h"

#include <unistd.h>

#define FIXTURE "tests/fixtures/journal1/"

static const char *folder, *config;

/* A new machine with the files of the fixture, and a copy of its journal. */
static void setup(void)
{
    static const char *const files[] = {"fleet.pub", "reveal.pub", "reveal.key", "site.key",
                                        "tiers.ini"};
    char command[9000], *text;
    config = store_folder(&folder);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len;
        char from[128];
        snprintf(from, sizeof from, FIXTURE "%s", files[i]);
        const char *bytes = file_read(from, &len);
        ck_assert_msg(bytes != NULL, "%s", from);
        file_write(in_folder(folder, files[i]), bytes, len,
                   strstr(files[i], "key") != NULL ? 0600 : 0644);
    }
    const char *journal = keep_string(strdup(in_folder(temp_folder(), "journal")));
    snprintf(command, sizeof command, "cp -r " FIXTURE "journal '%s' && chmod -R u+rwX '%s'",
             journal, journal);
    ck_assert_int_eq(system(command), 0);
    text = file_read(config, NULL);
    snprintf(command, sizeof command, "%s\n[fleet]\njournal = dir\nname = hq-2\n", text);
    file_text(config, command);
    snprintf(command, sizeof command, "path = %s\n", journal);
    file_write(in_folder(folder, "journal.conf"), command, strlen(command), 0600);
}

#define CALL(...) fleet_done(CTL(config, NULL, __VA_ARGS__))

/* The store has what the site of the fixture had. */
static void holds(const char *file, const char *output)
{
    char from[128];
    snprintf(from, sizeof from, FIXTURE "%s", file);
    ck_assert_str_eq(output, file_read(from, NULL));
}

START_TEST(a_site_joins)
{
    CALL("fleet", "join");
    holds("tokens.json", CALL("--json", "list"));
    holds("entities.json", CALL("--json", "entity", "list"));
    CALL("fleet", "check");
    CALL("check");
    CALL("check", "--texts");
    CALL("log", "verify");
    CALL("show", "acme/first", "--reveal");
    CALL("tier", "pull", "--yes");
    ck_assert_ptr_nonnull(strstr(CALL("fleet", "site", "list"), "hq-1 "));
    /* and writes on, with the key of the fixture */
    CALL("create", "acme", "new");
    CALL("fleet", "check");
}
END_TEST

START_TEST(an_edge_joins)
{
    CALL("fleet", "join", "--edge");
    CALL("fleet", "check");
    CALL("check");
    ck_assert_ptr_nonnull(strstr(CALL("entity", "list"), "bolt"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("earlier forms");
    TCase *tcase = tcase_create("forms");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_site_joins);
    tcase_add_test(tcase, an_edge_joins);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
