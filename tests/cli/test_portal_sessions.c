/* SPDX-License-Identifier: ISC */
/* Sign-in links at the command line: made, listed as a table, and ended. */
#include "cli/drive.h"

static const char *config, *folder;

static void setup(void)
{
    char text[8192];
    config = populated(&folder);
    snprintf(text, sizeof text,
             "%s\n[portal]\nlisten = 127.0.0.1:8443\nidentity = link\n"
             "public_url = http://localhost:8443\n",
             file_read(config, NULL));
    file_text(config, text);
}

static void fails(struct run run, int status, const char *words)
{
    ck_assert_msg(run.status == status && strstr(run.err, words) != NULL, "%d: %s", run.status,
                  run.err);
}

START_TEST(listed_and_ended)
{
    struct run run = CTL(config, NULL, "portal", "sessions");
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(CTL(config, NULL, "portal", "link", "acme").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "portal", "link", "zed", "--viewer").status, 0);
    run = CTL(config, NULL, "portal", "sessions");
    ck_assert_int_eq(run.status, 0);
    const char *acme = strstr(run.out, "acme"), *zed = strstr(run.out, "zed");
    ck_assert_msg(acme != NULL && strstr(acme, "manager") != NULL, "%s", run.out);
    ck_assert_msg(zed != NULL && strstr(zed, "viewer") != NULL, "%s", run.out);
    run = CTL(config, NULL, "portal", "sessions", "zed");
    ck_assert_msg(strstr(run.out, "zed") != NULL && strstr(run.out, "acme") == NULL, "%s", run.out);
    run = CTL(config, NULL, "--json", "portal", "end", "acme");
    ck_assert_msg(run.status == 0 && strstr(run.out, "\"ended\": 1") != NULL, "%s", run.out);
    fails(CTL(config, NULL, "portal", "end", "acme"), 3, "there is no such link");
    run = CTL(config, NULL, "portal", "end", "zed");
    ck_assert_str_eq(run.out, "ended 1\n");
}
END_TEST

START_TEST(refused)
{
    fails(CTL(config, NULL, "portal", "link", "acme", "--for", "8d"), 2, "--for takes a span");
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "zed", "--status", "inactive").status, 0);
    fails(CTL(config, NULL, "portal", "link", "zed"), 4, "cannot sign in");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("portal sessions");
    TCase *tcase = tcase_create("portal sessions");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, listed_and_ended);
    tcase_add_test(tcase, refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
