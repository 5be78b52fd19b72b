/* SPDX-License-Identifier: ISC */
/* A token's text appears only where it was requested. */
#include "cli/drive.h"

#include <stdio.h>

static void holds_no(struct run run, const char *secret)
{
    ck_assert_msg(strstr(run.out, secret) == NULL, "standard output: %s", run.out);
    ck_assert_msg(strstr(run.err, secret) == NULL, "standard error: %s", run.err);
}

/* A text given as an argument, whole, cut or within another word, is not repeated and creates
   nothing. */
START_TEST(argument_is_not_repeated)
{
    static const char *const commands[][8] = {
        {"show", "@"},
        {"show", "acme/@"},
        {"show", "@/default"},
        {"copy", "@"},
        {"edit", "@", "--name", "x"},
        {"edit", "acme/default", "--name", "@"},
        {"remove", "@", "--yes"},
        {"list", "@"},
        {"create", "acme", "@"},
        {"create", "@", "x"},
        {"create", "acme", "x", "--expires", "@"},
        {"entity", "add", "@", "--kind", "customer"},
        {"entity", "add", "x", "--kind", "@"},
        {"entity", "add", "x", "--kind", "customer", "--tier", "@"},
        {"entity", "show", "@"},
        {"verify", "@"},
        {"verify", "--entity", "@"},
        {"verify", "--metric", "@"},
        {"verify", "--@"},
        {"tier", "check", "@"},
        {"@"},
        {"--json", "@"},
        {"-c", "@", "list"},
    };
    const char *config = populated(NULL), *text = revealed(config, "acme/default");
    const char *before = snapshot(config);
    const char *const forms[] = {text, "esptk_0000000000A_cut", "esptk_abc123"};
    const char *const secrets[] = {text + 18, "cut", "abc123"};
    for (size_t form = 0; form < 3; form++) {
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
            char room[8][128];
            const char *args[9] = {NULL};
            for (size_t a = 0; a < 8 && commands[i][a] != NULL; a++) {
                const char *at = strchr(commands[i][a], '@');
                snprintf(room[a], sizeof room[a], "%.*s%s%s",
                         at != NULL ? (int)(at - commands[i][a]) : 127, commands[i][a],
                         at != NULL ? forms[form] : "", at != NULL ? at + 1 : "");
                args[a] = room[a];
            }
            if (form == 2 && (strcmp(args[0], "create") == 0 || strcmp(args[0], "edit") == 0 ||
                              strcmp(args[0], "entity") == 0))
                continue; /* a name may have this beginning */
            struct run run = run_ctl(config, NULL, args);
            ck_assert_msg(run.status >= (form < 2 ? 2 : 1), "%s %s: status %d", args[0], args[1],
                          run.status);
            ck_assert(form == 2 || run.status == 2);
            holds_no(run, secrets[form]);
        }
    }
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

START_TEST(shown_when_asked_alone)
{
    const char *config = populated(NULL), *text = revealed(config, "acme/default");
    holds_no(CTL(config, NULL, "show", "acme/default"), TEXT_PATTERN);
    holds_no(CTL(config, NULL, "--json", "show", "acme/default"), TEXT_PATTERN);
    holds_no(CTL(config, NULL, "edit", "acme/default", "--name", "a"), TEXT_PATTERN);
    holds_no(CTL(config, NULL, "list"), TEXT_PATTERN);
    holds_no(CTL(config, NULL, "--json", "entity", "show", "acme"), TEXT_PATTERN);
    holds_no(CTL(config, NULL, "check"), TEXT_PATTERN);
    holds_no(CTL(config, text, "verify"), TEXT_PATTERN);
    holds_no(CTL(config, text, "--json", "verify", "--metric", "no.such"), TEXT_PATTERN);
    struct run run = CTL(config, NULL, "show", "acme/a", "--reveal");
    ck_assert_ptr_nonnull(strstr(run.out, text));
    ck_assert_str_eq(run.err, "");
    holds_no(CTL(config, NULL, "remove", "acme/a", "--yes", "--last"), TEXT_PATTERN);
}
END_TEST

/* Any input can be presented; it is checked and not repeated. */
START_TEST(odd_inputs_are_malformed)
{
    static char longer[10000];
    memset(longer, 'a', sizeof longer - 1);
    const char *config = populated(NULL), *text = revealed(config, "acme/default");
    char twice[128], spaced[128];
    snprintf(twice, sizeof twice, "%s\n\n", text);
    snprintf(spaced, sizeof spaced, " %s", text);
    const char *const inputs[] = {"", "\n", "esptk_", longer, twice, spaced};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        struct run run = CTL(config, inputs[i], "--json", "verify");
        ck_assert_int_eq(run.status, 1);
        ck_assert_ptr_nonnull(strstr(run.out, "malformed"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secrets");
    TCase *tests = tcase_create("secrets");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, argument_is_not_repeated);
    tcase_add_test(tests, shown_when_asked_alone);
    tcase_add_test(tests, odd_inputs_are_malformed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
