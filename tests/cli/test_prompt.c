/* SPDX-License-Identifier: ISC */
/* The question before a removal, at a pseudo-terminal. */
#include "cli/terminal.h"

#define END_OF_FILE "\004"

START_TEST(yes_removes)
{
    const char *config = populated(NULL);
    CTL(config, NULL, "create", "acme", "second");
    struct seen seen = AT_TERMINAL(config, "y\n", NULL, "remove", "acme/second");
    ck_assert_msg(seen.status == 0, "%s", seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "second")); /* the token that would be removed */
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/second").status, 3);
    seen = AT_TERMINAL(config, "yes\n", NULL, "entity", "remove", "zed");
    ck_assert_int_eq(seen.status, 0);
    ck_assert_ptr_nonnull(strstr(seen.text, "with its 1 token?"));
    ck_assert_int_eq(CTL(config, NULL, "entity", "show", "zed").status, 3);
}
END_TEST

START_TEST(anything_else_declines)
{
    static const char *const answers[] = {"n\n", "\n", "Yes please\n", "yy\n", END_OF_FILE};
    const char *config = populated(NULL), *before = snapshot(config);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct seen seen =
            AT_TERMINAL(config, answers[i], NULL, "remove", "acme/default", "--last");
        ck_assert_int_eq(seen.status, 4);
        ck_assert_ptr_nonnull(strstr(seen.text, "declined; nothing was changed"));
        ck_assert_int_eq(AT_TERMINAL(config, answers[i], NULL, "entity", "remove", "zed").status,
                         4);
    }
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

/* If a rule would refuse the removal, no question is asked. */
START_TEST(refused_unasked)
{
    static const char *const commands[][4] = {
        {"remove", "zed/default"},    /* the last token of zed */
        {"entity", "remove", "acme"}, /* acme has a customer */
    };
    const char *config = populated(NULL);
    for (size_t i = 0; i < 2; i++) {
        struct seen seen = at_terminal(config, commands[i], NULL, NULL);
        const char *args[] = {commands[i][0], commands[i][1], "--yes", commands[i][2], NULL};
        struct run run = run_ctl(config, NULL, args);
        ck_assert_int_eq(seen.status, 4);
        ck_assert_int_eq(strncmp(seen.text, run.err, strlen(run.err) - 1), 0); /* the same words */
        ck_assert_ptr_null(strstr(seen.text, "[y/N]"));
    }
}
END_TEST

START_TEST(shows_what_would_go)
{
    const char *config = populated(NULL);
    json_t *old = done(CTL(config, NULL, "--json", "show", "acme/default"));
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/default").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "second").status, 0);
    struct seen seen = AT_TERMINAL(config, "n\n", NULL, "remove", "acme/default");
    ck_assert_ptr_nonnull(strstr(seen.text, "Its old secret is removed too:"));
    ck_assert_ptr_nonnull(strstr(seen.text, text_of(old, "id")));
    ck_assert_ptr_null(strstr(seen.text, "second"));
    seen = AT_TERMINAL(config, "n\n", NULL, "entity", "remove", "bolt");
    ck_assert_ptr_nonnull(strstr(seen.text, "  default (active)"));
    json_decref(old);
}
END_TEST

static void switch_off(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "edit", "zed/default", "--status", "inactive").status, 0);
}

static void raise_tier(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "zed", "--tier", "advanced").status, 0);
}

/* No lock is held during the question, and the answer applies only to the state that was shown. */
START_TEST(what_was_shown_changed)
{
    const char *config = populated(NULL);
    struct seen seen = AT_TERMINAL(config, "y\n", switch_off, "remove", "zed/default", "--last");
    ck_assert_int_eq(seen.status, 4);
    ck_assert_int_eq(CTL(config, NULL, "show", "zed/default").status, 0);
    seen = AT_TERMINAL(config, "y\n", raise_tier, "entity", "remove", "zed");
    ck_assert_int_eq(seen.status, 4);
    ck_assert_int_eq(CTL(config, NULL, "entity", "show", "zed").status, 0);
}
END_TEST

static void remove_token(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "remove", "zed/default", "--yes", "--last").status, 0);
}

static void remove_entity(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "entity", "remove", "zed", "--yes").status, 0);
}

START_TEST(what_was_shown_is_gone)
{
    const char *config = populated(NULL);
    struct seen seen = AT_TERMINAL(config, "y\n", remove_token, "remove", "zed/default", "--last");
    ck_assert_int_eq(seen.status, 3);
    ck_assert_ptr_nonnull(strstr(seen.text, "there is no such token"));
    seen = AT_TERMINAL(config, "y\n", remove_entity, "entity", "remove", "zed");
    ck_assert_int_eq(seen.status, 3);
    ck_assert_ptr_nonnull(strstr(seen.text, "there is no such entity"));
}
END_TEST

static void swap_token(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "third").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "remove", "acme/second", "--yes").status, 0);
}

static void switch_second_off(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/second", "--status", "inactive").status, 0);
}

static void rotate_second(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/second").status, 0);
}

static void reuse_name(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--name", "old").status, 0);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced")
            .status,
        0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "second").status, 0);
}

static void change_nothing(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "edit", "zed/default", "--status", "inactive").status, 0);
}

/* Equal counts under the same name are not enough, because each token of the entity was shown. */
START_TEST(what_an_entity_holds_changed)
{
    static void (*const changes[])(const char *) = {swap_token, switch_second_off, rotate_second,
                                                    reuse_name};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const char *config = populated(NULL);
        CTL(config, NULL, "entity", "remove", "bolt", "--yes");
        CTL(config, NULL, "create", "acme", "second");
        struct seen seen = AT_TERMINAL(config, "y\n", changes[i], "entity", "remove", "acme");
        ck_assert_msg(seen.status == 4, "%zu: %s", i, seen.text);
        ck_assert_ptr_nonnull(strstr(seen.text, "was changed meanwhile; nothing was removed"));
        ck_assert_int_eq(CTL(config, NULL, "entity", "show", "acme").status, 0);
        seen = AT_TERMINAL(config, "y\n", change_nothing, "entity", "remove", "acme");
        ck_assert_msg(seen.status == 0, "%zu: %s", i, seen.text);
    }
}
END_TEST

static void rotate_default(const char *config)
{
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/default", "--overlap", "1d").status, 0);
}

/* Id and expiration are those that were shown, but the name now means the successor. */
START_TEST(token_rotated_meanwhile)
{
    const char *config = populated(NULL);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--expires", "1h").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "second").status, 0);
    struct seen seen = AT_TERMINAL(config, "y\n", rotate_default, "remove", "acme/default");
    ck_assert_msg(seen.status == 4, "%s", seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "was changed meanwhile; nothing was removed"));
}
END_TEST

START_TEST(empty_list_at_terminal)
{
    struct seen seen = AT_TERMINAL(store_folder(NULL), NULL, NULL, "list");
    ck_assert_int_eq(seen.status, 0);
    ck_assert_str_eq(seen.text, "no tokens\r\n");
}
END_TEST

/* Colours are used only at terminals, and only without NO_COLOR. */
START_TEST(colours)
{
    const char *config = populated(NULL);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    ck_assert_ptr_nonnull(strstr(AT_TERMINAL(config, NULL, NULL, "list").text, "\033["));
    setenv("NO_COLOR", "1", 1);
    ck_assert_ptr_null(strstr(AT_TERMINAL(config, NULL, NULL, "list").text, "\033["));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prompt");
    TCase *tests = tcase_create("prompt");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, yes_removes);
    tcase_add_test(tests, anything_else_declines);
    tcase_add_test(tests, refused_unasked);
    tcase_add_test(tests, shows_what_would_go);
    tcase_add_test(tests, what_was_shown_changed);
    tcase_add_test(tests, what_was_shown_is_gone);
    tcase_add_test(tests, what_an_entity_holds_changed);
    tcase_add_test(tests, token_rotated_meanwhile);
    tcase_add_test(tests, empty_list_at_terminal);
    tcase_add_test(tests, colours);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
