/* SPDX-License-Identifier: ISC */
/* Suggestions for mistyped words: only existing words, only near ones, never the typed word. */
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
     NULL}, /* an unknown entity sees no name */
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

/* Each message names what is wrong, and help that exists. */
static const struct {
    const char *args[6];
    const char *message;
} hints[] = {
    {{"help", "nope"}, "'nope': no such command; see esp-tokenctl help"},
    {{"help", "lits"}, "'lits': no such command; did you mean list? See esp-tokenctl help"},
    {{"list", "--at", "2d"},
     "--at is not an option of list, but of verify; see esp-tokenctl list --help"},
    {{"entity", "show", "acme", "--cascade"},
     "--cascade is not an option of entity show, but of entity edit; see esp-tokenctl entity show "
     "--help"},
    {{"show", "acme/default", "--dry-run"},
     "--dry-run is not an option of show; see esp-tokenctl show --help"}, /* of many */
};

START_TEST(names_what_is_wrong)
{
    char line[256];
    snprintf(line, sizeof line, "esp-tokenctl: %s\n", hints[_i].message);
    struct run run = run_ctl(populated(NULL), NULL, hints[_i].args);
    ck_assert_int_eq(run.status, 2);
    ck_assert_str_eq(run.err, line);
}
END_TEST

/* The whole message, as text and as JSON. */
START_TEST(whole_message)
{
    struct run run = CTL(populated(NULL), NULL, "entity", "show", "zedd");
    ck_assert_str_eq(run.err, "esp-tokenctl: 'zedd': there is no such entity; did you mean zed?\n");
    run = CTL(populated(NULL), NULL, "--json", "entity", "show", "zedd");
    json_t *json = document(run.err);
    ck_assert_str_eq(text_of(json_object_get(json, "error"), "message"),
                     "'zedd': there is no such entity; did you mean zed?");
    json_decref(json);
}
END_TEST

/* One wrong character in an id gives a suggestion, two do not. */
START_TEST(of_an_id)
{
    const char *config = populated(NULL);
    json_t *token = done(CTL(config, NULL, "--json", "show", "acme/default"));
    char id[16], expected[128];
    snprintf(id, sizeof id, "%s", text_of(token, "id"));
    char meant[16];
    snprintf(meant, sizeof meant, "%s", id);
    id[10] = id[10] == 'x' ? 'y' : 'x';
    snprintf(expected, sizeof expected,
             "esp-tokenctl: '%s': there is no such token; did you mean %s?\n", id, meant);
    ck_assert_str_eq(CTL(config, NULL, "show", id).err, expected);
    id[9] = id[9] == 'x' ? 'y' : 'x';
    ck_assert_ptr_null(strstr(CTL(config, NULL, "show", id).err, "did you mean"));
    json_decref(token);
}
END_TEST

/* A command with --as suggests no name that the entity may not see. */
START_TEST(within_rights)
{
    const char *config = populated(NULL);
    struct run run = CTL(config, NULL, "--as", "acme", "entity", "show", "zedd");
    ck_assert_str_eq(run.err, "esp-tokenctl: 'zedd': there is no such entity; run "
                              "'esp-tokenctl entity list' to see them\n");
    run = CTL(config, NULL, "--as", "acme", "entity", "show", "zed");
    ck_assert_str_eq(run.err, "esp-tokenctl: 'zed': there is no such entity; run "
                              "'esp-tokenctl entity list' to see them\n");
    run = CTL(config, NULL, "--as", "acme", "show", "zed/defualt");
    ck_assert_str_eq(run.err, "esp-tokenctl: 'zed/defualt': there is no such entity; run "
                              "'esp-tokenctl entity list' to see them\n");
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

/* The message names the typed word, unless it may be a secret: of another system, or a part of
   one. */
START_TEST(culprit_is_named)
{
    static const struct {
        int status;
        const char *args[6], *named;
    } slips_named[] = {
        {2, {"list", "--statsu", "active"}, "'--statsu': no such option"},
        {2, {"list", "--statsu=hunter2"}, "'--statsu': no such option"},
        {2, {"show", "x", "--passphrase-file-new"}, "'--passphrase-file-new': no such option"},
        {2, {"list", "--status", "asleep"}, "'asleep': not a status; give active, "},
        {2, {"edit", "acme/default", "--status", "of"}, "'of': not a status; give active or"},
        {2, {"entity", "add", "x", "--kind", "client"}, "'client': not a kind; "},
        {2, {"list", "acme", "bolt"}, "'bolt': too many arguments"},
        {2, {"edit", "acme/default", "--expires", "soon"}, "--expires: 'soon': "},
        {2, {"list", "--unused", "long"}, "--unused: 'long': "},
        {2, {"list", "--status"}, "--status lacks its argument"},
        {3, {"list", "acmo"}, "'acmo': there is no such entity"},
        {3, {"show", "acme/none"}, "'acme/none': there is no such token"},
        {3, {"list", "--tier", "golden"}, "'golden': there is no such tier"},
        {3, {"--as", "acmo", "list", "acme"}, "'acmo': there is no such entity"},
    };
    const char *config = populated(NULL), *secret = "0123456789abcdefghij";
    for (size_t i = 0; i < sizeof slips_named / sizeof *slips_named; i++) {
        struct run run = run_ctl(config, NULL, slips_named[i].args);
        ck_assert_int_eq(run.status, slips_named[i].status);
        ck_assert_msg(strstr(run.err, slips_named[i].named) != NULL, "%s", run.err);
    }
    const char *const silent[][6] = {{"list", "--status", secret},
                                     {"list", "acme", secret},
                                     {"list", secret},
                                     {"show", "acme", secret},
                                     {"edit", "acme/default", "--expires", secret},
                                     {secret},
                                     {"help", secret},
                                     {"list", "--0123456789abcdefghij"}};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        struct run run = run_ctl(config, NULL, silent[i]);
        ck_assert_int_ge(run.status, 2);
        ck_assert_msg(strstr(run.err, secret) == NULL, "%s", run.err);
    }
}
END_TEST

/* A name may begin like a secret: the message shows no more of it than any other message. */
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
    tcase_add_loop_test(tests, names_what_is_wrong, 0, (int)(sizeof hints / sizeof *hints));
    tcase_add_test(tests, whole_message);
    tcase_add_test(tests, of_an_id);
    tcase_add_test(tests, within_rights);
    tcase_add_test(tests, no_secret);
    tcase_add_test(tests, culprit_is_named);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
