/* SPDX-License-Identifier: ISC */
/* Each exit status comes with one line on standard error, and the store is unchanged. */
#include "cli/drive.h"

#include <stdio.h>

static const struct refusal {
    int status;
    const char *args[10];
} refusals[] = {
    /* usage */
    {2, {"frobnicate"}},
    {2, {"entity", "frobnicate"}},
    {2, {"list", "--frobnicate"}},
    {2, {"list", "-x"}},
    {2, {"list", "--yes"}},
    {2, {"list", "acme", "bolt"}},
    {2, {"create", "acme"}},
    {2, {"create", "acme", "a", "--expires"}},
    {2, {"create", "acme", "a", "--expires", "1d", "--expires", "2d"}},
    {2, {"create", "acme", "a", "--expires", "yesterday"}},
    {2, {"create", "acme", "a", "--expires", "2001-01-01"}},
    {2, {"create", "acme", "a", "--expires", ""}},
    {2, {"create", "acme", " a"}},
    {2, {"create", "acme", ""}},
    {2, {"entity", "add", "new"}},
    {2, {"entity", "add", "new", "--kind", "other"}},
    {2, {"entity", "add", "none", "--kind", "customer"}},
    {2, {"entity", "add", "a b", "--kind", "customer"}},
    {2, {"entity", "add", "new", "--kind", "customer", "--reseller", ""}},
    {2, {"entity", "edit", "acme"}},
    {2, {"entity", "edit", "acme", "--cascade"}},
    {2, {"entity", "edit", "acme", "--cascade", "--status", "inactive"}},
    {2, {"entity", "edit", "acme", "--status", "asleep"}},
    {2, {"entity", "edit", "acme", "--reseller", ""}},
    {2, {"edit", "acme/default"}},
    {2, {"edit", "acme/default", "--status", "expired"}},
    {2, {"show", "acme"}},
    {2, {"show", "acme/"}},
    {2, {"show", "/default"}},
    {2, {"copy", "acme/default", "--clear", "86401"}},
    {2, {"copy", "acme/default", "--clear", "-1"}},
    {2, {"copy", "acme/default", "--clear", "99999999999999999999999"}},
    {2, {"show", "acme/default", "--clear", "3"}},
    {2, {"remove", "acme/default"}},
    {2, {"entity", "remove", "zed"}},
    {2, {"verify", "--at", "never"}},
    {2, {"verify", "esp"}},
    {2, {"init", "elsewhere", "-c", "twice"}},
    /* no such thing */
    {3, {"list", "nobody"}},
    {3, {"entity", "show", "nobody"}},
    {3, {"entity", "edit", "nobody", "--status", "active"}},
    {3, {"entity", "remove", "nobody", "--yes"}},
    {3, {"entity", "add", "new", "--kind", "customer", "--reseller", "nobody"}},
    {3, {"entity", "add", "new", "--kind", "customer", "--tier", "golden"}},
    {3, {"entity", "edit", "acme", "--tier", "golden"}},
    {3, {"create", "nobody", "a"}},
    {3, {"show", "nobody/default"}},
    {3, {"show", "acme/other"}},
    {3, {"show", "00000000000"}},
    {3, {"edit", "acme/other", "--name", "b"}},
    {3, {"remove", "acme/other", "--yes"}},
    /* rules */
    {4, {"entity", "add", "acme", "--kind", "customer"}},
    {4, {"entity", "add", "new", "--kind", "customer", "--reseller", "bolt"}},
    {4, {"entity", "add", "new", "--kind", "reseller", "--reseller", "acme"}},
    {4, {"entity", "edit", "bolt", "--name", "acme"}},
    {4, {"entity", "remove", "acme", "--yes"}},
    {4, {"create", "bolt", "second"}},
    {4, {"create", "acme", "default"}},
    {4, {"remove", "bolt/default", "--yes"}},
};

START_TEST(refused)
{
    const struct refusal *refusal = &refusals[_i];
    const char *config = populated(NULL), *before = snapshot(config);
    struct run run = run_ctl(config, NULL, refusal->args);
    ck_assert_msg(run.status == refusal->status, "status %d, not %d: %s", run.status,
                  refusal->status, run.err);
    ck_assert_str_eq(run.out, "");
    ck_assert_int_eq(strncmp(run.err, "esp-tokenctl: ", 14), 0);
    ck_assert_ptr_eq(strchr(run.err, '\n'), run.err + strlen(run.err) - 1);
    if (run.status == 2)
        ck_assert_ptr_nonnull(strstr(run.err, "--help\n"));

    const char *args[12] = {"--json"};
    memcpy(args + 1, refusal->args, sizeof refusal->args);
    run = run_ctl(config, NULL, args);
    ck_assert_int_eq(run.status, refusal->status);
    ck_assert_str_eq(run.out, "");
    json_t *json = document(run.err);
    HAS_KEYS(json, "error");
    HAS_KEYS(json_object_get(json, "error"), "code", "message");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json, "error"), "code")),
                     refusal->status);
    json_decref(json);
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

/* A message names as many customers as fit. */
START_TEST(many_customers_above)
{
    const char *config = populated(NULL);
    char lines[20 * 80] = "";
    for (int i = 0; i < 20; i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines),
                 "a-customer-of-a-long-name-%02d customer acme advanced\n", i);
    struct run run = CTL(config, lines, "entity", "add", "--from", "-");
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = CTL(config, NULL, "entity", "edit", "acme", "--tier", "lite");
    ck_assert_int_eq(run.status, 4);
    ck_assert_ptr_nonnull(strstr(run.err, "20 customers of acme would rank above it: a-customer"));
    const char *more = strstr(run.err, ", ...");
    ck_assert_msg(more != NULL && strncmp(more, ", ...; lower them first", 23) == 0, "%s", run.err);
}
END_TEST

START_TEST(limit_tells_all)
{
    struct run run = CTL(populated(NULL), NULL, "create", "bolt", "second");
    ck_assert_str_eq(run.err, "esp-tokenctl: bolt has 1 of the 1 token that tier Lite allows; "
                              "please contact your account manager\n");
}
END_TEST

START_TEST(broken_tiers_stop_what_needs_them)
{
    static const char *const stopped[][7] = {
        {"create", "acme", "second"},
        {"entity", "add", "new", "--kind", "customer"},
        {"entity", "edit", "bolt", "--tier", "lite"},
        {"entity", "edit", "bolt", "--reseller", "none"},
        {"verify"},
        {"check"},
        {"tier", "list"},
        {"tier", "check"},
    };
    static const char *const working[][6] = {
        {"list"},
        {"list", "acme"},
        {"show", "acme/default", "--reveal"},
        {"edit", "acme/default", "--status", "inactive"},
        {"remove", "acme/default", "--yes", "--last"},
        {"entity", "list"},
        {"entity", "list", "--tree"},
        {"entity", "show", "acme"},
        {"entity", "edit", "acme", "--status", "inactive"},
        {"entity", "remove", "zed", "--yes"},
    };
    const char *folder, *config = populated(&folder);
    file_text(in_folder(folder, "tiers.ini"), "[lite]\nrank\n");
    for (size_t i = 0; i < sizeof stopped / sizeof *stopped; i++)
        ck_assert_msg(run_ctl(config, NULL, stopped[i]).status == 5, "%s %s", stopped[i][0],
                      stopped[i][1]);
    json_t *entity = done(CTL(config, NULL, "--json", "entity", "show", "acme"));
    ck_assert(json_is_false(json_object_get(entity, "tier_known")));
    json_decref(entity);
    struct run shown = CTL(config, NULL, "--json", "entity", "show", "acme");
    json_t *warning = document(shown.err);
    const char *why = text_of(json_object_get(warning, "warning"), "message");
    ck_assert_msg(strstr(why, "without the tier table: ") != NULL && strstr(why, "tiers.ini:2:"),
                  "%s", why);
    json_decref(warning);
    for (size_t i = 0; i < sizeof working / sizeof *working; i++) {
        struct run run = run_ctl(config, NULL, working[i]);
        ck_assert_msg(run.status == 0, "%s %s: %s", working[i][0], working[i][1], run.err);
    }
}
END_TEST

START_TEST(unusable)
{
    const char *folder, *config = populated(&folder);
    ck_assert_int_eq(CTL("/nonexistent/esp-token.conf", NULL, "list").status, 5);
    ck_assert_int_eq(rename(in_folder(folder, "reveal.key"), in_folder(folder, "away")), 0);
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/default", "--reveal").status, 5);
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/default").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "second").status, 0);
    ck_assert_int_eq(rename(in_folder(folder, "tokens.mdb"), in_folder(folder, "away")), 0);
    ck_assert_int_eq(CTL(config, NULL, "list").status, 5);
    ck_assert_int_eq(CTL(config, NULL, "verify").status, 5);
}
END_TEST

/* A folder cannot be read as a token. */
START_TEST(input_that_fails)
{
    char command[2048];
    snprintf(command, sizeof command, "exec '%s' -c '%s' verify </", ctl_path(), populated(NULL));
    struct run run = run_process((const char *const[]){"sh", "-c", command, NULL}, NULL);
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "standard input"));
}
END_TEST

/* A full disk and a closed stream are reported, and the store's file never becomes a standard
   stream. */
START_TEST(output_that_fails)
{
    static const char *const redirections[] = {">/dev/full", ">&-"};
    const char *config = populated(NULL), *before = snapshot(config);
    char command[2048];
    for (size_t i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "exec '%s' -c '%s' list %s", ctl_path(), config,
                 redirections[i]);
        struct run run = run_process((const char *const[]){"sh", "-c", command, NULL}, NULL);
        ck_assert_int_eq(run.status, 5);
        ck_assert_ptr_nonnull(strstr(run.err, "standard output"));
    }
    snprintf(command, sizeof command, "exec '%s' -c '%s' list <&- >&- 2>&-", ctl_path(), config);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status, 5);
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refusals");
    TCase *tests = tcase_create("refusals");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, refused, 0, (int)(sizeof refusals / sizeof *refusals));
    tcase_add_test(tests, many_customers_above);
    tcase_add_test(tests, limit_tells_all);
    tcase_add_test(tests, broken_tiers_stop_what_needs_them);
    tcase_add_test(tests, unusable);
    tcase_add_test(tests, input_that_fails);
    tcase_add_test(tests, output_that_fails);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
