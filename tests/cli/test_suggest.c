/* What a slip may have meant: only what there is, only what is near, never what was typed. */
#include "cli/drive.h"

#include <stdio.h>

static const struct slip {
    int status;
    const char *args[10];
    const char *meant; /* NULL: nothing is suggested */
} slips[] = {
    {2, {"lits"}, "did you mean list? See esp-tokenctl --help"},
    {2, {"enitty", "list"}, "did you mean entity?"},
    {2, {"entity", "shw", "acme"}, "did you mean entity show?"},
    {2, {"lits", "--help"}, "did you mean list?"},
    {2, {"delete", "acme/default"}, "did you mean remove?"},
    {2, {"ls"}, "did you mean list?"},
    {2, {"entity", "create", "x"}, "did you mean entity add?"},
    {2, {"entity", "rm", "x"}, "did you mean entity remove?"},
    {2, {"frobnicate"}, NULL},
    {2, {"complte"}, NULL}, /* hidden */
    {2, {"--", "--json", "list"}, NULL},
    {2, {"--", "-list", "list"}, "did you mean list?"},
    {2, {"list", "--jsn"}, "did you mean --json? See esp-tokenctl list --help"},
    {2, {"show", "acme/default", "--reveale"}, "did you mean --reveal?"},
    {2, {"show", "acme/default", "--cascad"}, NULL}, /* not of this command */
    {2, {"create", "acme", "x", "--expire5=1d"}, "did you mean --expires?"},
    {3, {"list", "acem"}, "did you mean acme?"},
    {3, {"entity", "show", "acm"}, "did you mean acme?"},
    {3, {"entity", "edit", "bolt", "--reseller", "acne"}, "did you mean acme?"},
    {3,
     {"entity", "add", "n", "--kind", "customer", "--reseller", "bolts"},
     NULL}, /* no reseller */
    {3, {"entity", "edit", "bolt", "--tier", "advnaced"}, "did you mean advanced?"},
    {3,
     {"--as", "acem", "entity", "add", "n", "--kind", "customer", "--tier", "lite"},
     NULL}, /* who is nobody sees no name */
    {3, {"show", "acem/default"}, "did you mean acme/default?"},
    {3, {"show", "acme/defualt"}, "did you mean acme/default?"},
    {3, {"show", "acme/elsewhere"}, NULL},
    {3, {"show", "00000000000"}, NULL},
    {3, {"list", "frobnicate"}, NULL},
};

START_TEST(suggested)
{
    const struct slip *slip = &slips[_i];
    struct run run = run_ctl(populated(NULL), NULL, slip->args);
    ck_assert_int_eq(run.status, slip->status);
    if (slip->meant != NULL)
        ck_assert_msg(strstr(run.err, slip->meant) != NULL, "%s", run.err);
    else
        ck_assert_msg(strstr(run.err, "did you mean") == NULL, "%s", run.err);
}
END_TEST

/* The message whole, for people and for scripts. */
START_TEST(whole_message)
{
    struct run run = CTL(populated(NULL), NULL, "entity", "show", "zedd");
    ck_assert_str_eq(run.err, "esp-tokenctl: there is no such entity; did you mean zed?\n");
    run = CTL(populated(NULL), NULL, "--json", "entity", "show", "zedd");
    json_t *json = document(run.err);
    ck_assert_str_eq(text_of(json_object_get(json, "error"), "message"),
                     "there is no such entity; did you mean zed?");
    json_decref(json);
}
END_TEST

/* One slip in an id is mended, two are not. */
START_TEST(of_an_id)
{
    const char *config = populated(NULL);
    json_t *token = done(CTL(config, NULL, "--json", "show", "acme/default"));
    char id[16], expected[128];
    snprintf(id, sizeof id, "%s", text_of(token, "id"));
    snprintf(expected, sizeof expected, "esp-tokenctl: there is no such token; did you mean %s?\n",
             id);
    id[10] = id[10] == 'x' ? 'y' : 'x';
    ck_assert_str_eq(CTL(config, NULL, "show", id).err, expected);
    id[9] = id[9] == 'x' ? 'y' : 'x';
    ck_assert_ptr_null(strstr(CTL(config, NULL, "show", id).err, "did you mean"));
    json_decref(token);
}
END_TEST

/* Who acts for an entity is told no name that it may not see. */
START_TEST(within_rights)
{
    const char *config = populated(NULL);
    struct run run = CTL(config, NULL, "--as", "acme", "entity", "show", "zedd");
    ck_assert_str_eq(run.err, CTL(config, NULL, "--as", "acme", "entity", "show", "zed").err);
    ck_assert_ptr_null(strstr(run.err, "zed"));
    run = CTL(config, NULL, "--as", "acme", "show", "zed/defualt");
    ck_assert_ptr_null(strstr(run.err, "zed"));
    run = CTL(config, NULL, "--as", "acme", "show", "blot/default");
    ck_assert_ptr_nonnull(strstr(run.err, "did you mean bolt/default?"));
    run = CTL(config, NULL, "complete", "--", "--as", "acme", "entity", "show", "");
    ck_assert_str_eq(run.out, "acme\nbolt\n");
    run = CTL(config, NULL, "complete", "--", "--as", "acme", "show", "zed/");
    ck_assert_str_eq(run.out, "");
    run = CTL(config, NULL, "complete", "--", "--as", "acme", "show", "1");
    ck_assert_str_eq(run.out, "");
}
END_TEST

/* A name may begin as a secret does: no more of it is told than in any other message. */
START_TEST(no_secret)
{
    const char *config = populated(NULL);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "esptk_abcdefgh").status, 0);
    struct run run = CTL(config, NULL, "show", "acme/esptk_abcdefg");
    ck_assert_int_eq(run.status, 3);
    ck_assert_ptr_null(strstr(run.err, "abcdefg"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("suggest");
    TCase *tests = tcase_create("suggest");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, suggested, 0, (int)(sizeof slips / sizeof *slips));
    tcase_add_test(tests, whole_message);
    tcase_add_test(tests, of_an_id);
    tcase_add_test(tests, within_rights);
    tcase_add_test(tests, no_secret);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
