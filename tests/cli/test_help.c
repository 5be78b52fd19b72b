/* SPDX-License-Identifier: ISC */
/* The output of --help, for the list of commands and for each command. */
#include "cli/drive.h"

#include <stdio.h>

#define SCREEN_COLUMNS 80
#define SCREEN_LINES 24

/* Returns the columns of the widest line. UTF-8 continuation bytes do not count. */
static size_t widest_line(const char *text)
{
    size_t widest = 0, columns = 0;
    for (; *text != '\0'; text++) {
        columns = *text == '\n' ? 0 : columns + ((*text & 0xC0) != 0x80);
        widest = columns > widest ? columns : widest;
    }
    return widest;
}

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* Calls `fn` with the words of every command, as completion lists them. */
static size_t each_command(void (*fn)(const char *word, const char *second))
{
    size_t count = 0;
    char *words = CTL(NULL, NULL, "complete", "--", "").out, *state;
    for (char *at = strtok_r(words, "\n", &state); at != NULL; at = strtok_r(NULL, "\n", &state)) {
        at[strcspn(at, "\t")] = '\0';
        if (strstr(CTL(NULL, NULL, at, "--help").out, " COMMAND ") == NULL) {
            fn(at, NULL);
            count++;
        }
        if (strcmp(at, "help") == 0) /* the words after help are other commands */
            continue;
        char *seconds = CTL(NULL, NULL, "complete", "--", at, "").out, *second_state;
        for (char *second = strtok_r(seconds, "\n", &second_state); second != NULL;
             second = strtok_r(NULL, "\n", &second_state)) {
            second[strcspn(second, "\t")] = '\0';
            if (second[0] == '-' || second[0] == ':')
                continue;
            fn(at, second);
            count++;
        }
    }
    return count;
}

START_TEST(fits_the_screen)
{
    struct run run = CTL(NULL, NULL, "--help");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.err, "");
    ck_assert_uint_lt(lines_of(run.out), SCREEN_LINES); /* one line remains for the prompt */
    ck_assert_uint_lt(widest_line(run.out), SCREEN_COLUMNS);
    ck_assert_ptr_nonnull(strstr(run.out, "\nEntities  entity   add, list, show, edit, remove\n"));
}
END_TEST

static void require_one(const char *word, const char *second)
{
    struct run run =
        second != NULL ? CTL(NULL, NULL, word, second, "--help") : CTL(NULL, NULL, word, "--help");
    char usage[96];
    snprintf(usage, sizeof usage, "Usage: esp-tokenctl %s%s%s", word, second != NULL ? " " : "",
             second != NULL ? second : "");
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strncmp(run.out, usage, strlen(usage)) == 0, "%s: %s%s", usage, run.out, run.err);
    ck_assert_msg(widest_line(run.out) < SCREEN_COLUMNS, "%s is too wide: %s", usage, run.out);
    /* each option of the synopsis is described */
    const char *end = strstr(run.out, "\n\n"), *options = strstr(run.out, "\nOptions");
    ck_assert(end != NULL && options != NULL);
    for (const char *at = run.out; (at = strstr(at, "--")) != NULL && at < end; at += 2) {
        char option[32];
        snprintf(option, sizeof option, " %.*s", (int)strcspn(at, " ]\n"), at);
        ck_assert_msg(strstr(options, option) != NULL, "%s does not tell%s", usage, option);
    }
    /* the help describes the command in a sentence */
    ck_assert_ptr_nonnull(strchr(end + 2, '.'));
    ck_assert(strchr(end + 2, '.') < options);
}

START_TEST(of_each_command)
{
    ck_assert_uint_ge(each_command(require_one), 18);
}
END_TEST

START_TEST(of_what_was_asked)
{
    struct run run = CTL(NULL, NULL, "--version");
    ck_assert_int_eq(strncmp(run.out, "esp-tokenctl ", 13), 0);
    run = CTL(NULL, NULL, "entity", "edit", "--help");
    ck_assert_ptr_nonnull(strstr(run.out, "--cascade"));
    ck_assert_ptr_nonnull(strstr(run.out, "--reseller NAME|none"));
    ck_assert_ptr_null(strstr(run.out, "--reveal"));
    run = CTL(NULL, NULL, "tier", "--help");
    ck_assert_ptr_nonnull(strstr(run.out, "tier list"));
    ck_assert_ptr_null(strstr(run.out, "entity add"));
    ck_assert_int_eq(CTL(NULL, NULL, "bogus", "--help").status, 2);
    /* every form of asking for help prints it */
    const char *all = keep_string(strdup(CTL(NULL, NULL, "--help").out));
    run = run_ctl(NULL, NULL, (const char *const[]){NULL});
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.out, all);
    ck_assert_str_eq(run.err, "");
    ck_assert_str_eq(CTL(NULL, NULL, "help").out, all);
    const char *some = keep_string(strdup(CTL(NULL, NULL, "tier", "--help").out));
    run = CTL(NULL, NULL, "tier");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.out, some);
    ck_assert_str_eq(CTL(NULL, NULL, "help", "tier").out, some);
    const char *one = keep_string(strdup(CTL(NULL, NULL, "tier", "list", "--help").out));
    ck_assert_str_eq(CTL(NULL, NULL, "help", "tier", "list").out, one);
    run = CTL(NULL, NULL, "help", "crate");
    ck_assert_int_eq(run.status, 2);
    ck_assert_ptr_nonnull(strstr(run.err, "'crate': no such command; did you mean create?"));
    ck_assert_int_eq(CTL(NULL, NULL, "help", "create", "acme").status, 2);
    /* an option of a command without the command is an error */
    ck_assert_int_eq(CTL(NULL, NULL, "--yes").status, 2);
    ck_assert_int_eq(CTL(NULL, NULL, "tier", "--yes").status, 2);
    run = CTL(NULL, NULL, "create", "acme");
    ck_assert_str_eq(run.err, "esp-tokenctl: NAME is missing; see esp-tokenctl create --help\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("help");
    TCase *tests = tcase_create("help");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, fits_the_screen);
    tcase_add_test(tests, of_each_command);
    tcase_add_test(tests, of_what_was_asked);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
