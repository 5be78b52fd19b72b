/* SPDX-License-Identifier: ISC */
/* Messages name what is at fault, and output is unambiguous. */
#include "cli/drive.h"
#include "common/token.h"

static const char *config, *folder;

static void setup(void)
{
    config = populated(&folder);
}

/* --- refusals --- */

static const struct {
    const char *args[8], *words;
} refusals[] = {
    {{"retire", "acme/default"}, ": 'acme/default': no secret of this token is retiring"},
    {{"retire", "acme/defalt"},
     ": 'acme/defalt': there is no such token; did you mean acme/default?"},
    {{"list", "--wait", "soon"}, ": 'soon': --wait takes seconds"},
    {{"copy", "acme/default", "--clear", "soon"}, ": 'soon': --clear takes seconds"},
    {{"create", "acme", "--from", "/tmp"}, ": /tmp: Is a directory; name a file in it\n"},
    {{"import", "/tmp"}, ": /tmp: Is a directory; name a file in it\n"},
    {{"tier", "check", "/tmp"}, ": /tmp: Is a directory; name a file in it\n"},
    {{"stats", "--prometheus", "--output", "/tmp"}, ": /tmp: Is a directory; name a file in it\n"},
};

START_TEST(names_the_culprit)
{
    struct run run = run_ctl(config, NULL, refusals[_i].args);
    ck_assert_int_ne(run.status, 0);
    ck_assert_msg(strstr(run.err, refusals[_i].words) != NULL, "%s", run.err);
}
END_TEST

/* --- the log --- */

static const struct {
    const char *args[8], *words;
} logged[] = {
    {{"create", "acme", "a", "--note", "for \"x\""}, " note \"for \\\"x\\\"\"\n"},
    {{"create", "acme", "a"}, "Z\n"},
    {{"entity", "edit", "bolt", "--tier", "lite"}, "customer bolt changed nothing\n"},
    {{"entity", "edit", "bolt", "--contact", "c"}, "customer bolt changed contact \"\" -> \"c\"\n"},
    {{"edit", "acme/default", "--status", "active"}, " changed nothing\n"},
    {{"edit", "acme/default", "--note", "n"}, " changed note \"\" -> \"n\"\n"},
};

START_TEST(logs_each_field)
{
    ck_assert_int_eq(run_ctl(config, NULL, logged[_i].args).status, 0);
    struct run log = CTL(config, NULL, "log", "-n", "1");
    const size_t len = strlen(log.out), end = strlen(logged[_i].words);
    ck_assert_msg(len > end && strcmp(log.out + len - end, logged[_i].words) == 0, "%s", log.out);
}
END_TEST

START_TEST(logs_the_contact_of_a_new_entity)
{
    struct run run = CTL(config, NULL, "entity", "add", "new", "--kind", "customer", "--contact",
                         "c@example.org");
    ck_assert_int_eq(run.status, 0);
    run = CTL(config, NULL, "log", "--entity", "new");
    ck_assert_ptr_nonnull(strstr(run.out, "reseller - contact \"c@example.org\"\n"));
}
END_TEST

/* --- a new entity, for scripts --- */

START_TEST(prints_the_text_alone)
{
    struct run run = CTL(config, NULL, "entity", "add", "new", "--kind", "customer", "-q");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_uint_eq(strlen(run.out), TOKEN_TEXT_LEN + 1);
    struct run verdict = CTL(config, run.out, "verify");
    ck_assert_msg(verdict.status == 0, "%s", verdict.out);
    run = CTL(config, "more customer\n", "entity", "add", "--from", "-", "-q");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_uint_eq(strlen(run.out), TOKEN_TEXT_LEN + 1);
    ck_assert_str_eq(run.err, "");
}
END_TEST

/* --- tokens of another system --- */

START_TEST(shows_that_a_token_is_foreign)
{
    char line[256];
    snprintf(line, sizeof line,
             "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"old\",\"sha256\":\"%"
             "064d\"}}\n",
             7);
    struct run run = CTL(config, line, "import", "-");
    ck_assert_str_eq(run.out, "imported 0 entities and 1 token; 0 were there before\n");
    run = CTL(config, NULL, "show", "acme/old");
    ck_assert_ptr_nonnull(strstr(run.out, "\ntext      of another system: it cannot be shown\n"));
    run = CTL(config, NULL, "show", "acme/default");
    ck_assert_ptr_null(strstr(run.out, "another system"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("words");
    TCase *tcase = tcase_create("words");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, names_the_culprit, 0, (int)(sizeof refusals / sizeof *refusals));
    tcase_add_loop_test(tcase, logs_each_field, 0, (int)(sizeof logged / sizeof *logged));
    tcase_add_test(tcase, logs_the_contact_of_a_new_entity);
    tcase_add_test(tcase, prints_the_text_alone);
    tcase_add_test(tcase, shows_that_a_token_is_foreign);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
