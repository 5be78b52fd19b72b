/* SPDX-License-Identifier: ISC */
/* Names are UTF-8 in every locale. The shell's locale, even a missing one, changes no column of a
   list, and never makes a list loop for ever. */
#include "cli/drive.h"

#include <stdio.h>

#define LONGEST "10" /* seconds; a run takes some 10 ms */

static const char *const locales[] = {"C.UTF-8",          "C",       "POSIX", "en_US.UTF-8",
                                      "de_DE.ISO-8859-1", "nonsense"};
#define LOCALES (sizeof locales / sizeof *locales)

static struct run timed(const char *config, const char *locale, const char *const *args)
{
    const char *argv[16] = {"timeout", LONGEST, ctl_path(), "-c", config};
    for (size_t i = 0; args[i] != NULL; i++)
        argv[5 + i] = args[i];
    setenv("LC_ALL", locale, 1);
    struct run run = run_process(argv, NULL);
    ck_assert_msg(run.status == 0, "%s %s: %d %s", locale, args[0], run.status, run.err);
    return run;
}
#define TIMED(config, locale, ...) \
    timed((config), (locale), (const char *const[]){__VA_ARGS__, NULL})

START_TEST(lists_are_the_same)
{
    const char *config = populated(NULL), *name = "Größe, 大きさ 🙂";
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", name).status, 0);
    const char *list = TIMED(config, locales[0], "list").out;
    ck_assert_ptr_nonnull(strstr(list, name));
    const char *entities = TIMED(config, locales[0], "entity", "list").out;
    for (size_t i = 1; i < LOCALES; i++) {
        ck_assert_str_eq(TIMED(config, locales[i], "list").out, list);
        ck_assert_str_eq(TIMED(config, locales[i], "entity", "list").out, entities);
    }
}
END_TEST

/* Lines and bars are ASCII unless the locale is a UTF-8 one. */
START_TEST(drawings_are_the_locales_own)
{
    const char *config = populated(NULL);
    ck_assert_ptr_nonnull(
        strstr(TIMED(config, "C.UTF-8", "entity", "list", "--tree").out, "└─bolt"));
    ck_assert_ptr_nonnull(strstr(TIMED(config, "C.UTF-8", "stats").out, "█"));
    for (size_t i = 1; i < LOCALES; i++) {
        ck_assert_ptr_nonnull(
            strstr(TIMED(config, locales[i], "entity", "list", "--tree").out, "`-bolt"));
        ck_assert_ptr_null(strstr(TIMED(config, locales[i], "stats").out, "█"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("locale");
    TCase *tests = tcase_create("characters");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, lists_are_the_same);
    tcase_add_test(tests, drawings_are_the_locales_own);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
