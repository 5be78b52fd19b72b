/* SPDX-License-Identifier: ISC */
/* Text at a terminal: lines that fit, break at blanks only, and are indented; lists without rows.
 */
#include "cli/terminal.h"

#include <locale.h>
#include <wchar.h>

#define NOTE "asked for by the team データ取り込み, after a call; see the ticket"

static const char *config;

static void add_note(const char *to)
{
    populate(to);
    MUST_CTL(to, "create", "acme", "two  blanks", "--note", NOTE);
    MUST_CTL(to, "edit", "acme/two  blanks", "--note", "x");
}

static void setup(void)
{
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("TERM", "xterm-256color", 1);
    setlocale(LC_CTYPE, "C.UTF-8");
    unsetenv("NO_COLOR");
    config = store_made(add_note, NULL);
}

/* Takes the colours out of the text. */
static void uncolour(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\033')
            at += strcspn(at, "m");
        else if (*at != '\r')
            *to++ = *at;
    }
    *to = '\0';
}

static int columns_of(const char *line)
{
    wchar_t wide[1024];
    const size_t count = mbstowcs(wide, line, 1024);
    ck_assert_msg(count < 1024, "%s", line);
    return wcswidth(wide, count);
}

static size_t count_words(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        count++;
    return count;
}

/* Checks the lines. Returns how many are indented by `indent` columns, no more and no less. */
static size_t lines_fit(char *text, int columns, size_t indent)
{
    char *state;
    size_t count = 0;
    uncolour(text);
    for (char *line = strtok_r(text, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state)) {
        /* a word is never cut, so one that is wider than the line is alone on it */
        ck_assert_msg(columns_of(line) <= columns || strchr(line + indent, ' ') == NULL, "%s",
                      line);
        count += strspn(line, " ") == indent;
    }
    return count;
}

START_TEST(log_fits)
{
    static const unsigned short sizes[] = {80, 120, 50, 40};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        terminal_size.ws_col = sizes[i];
        struct seen seen = AT_TERMINAL(config, NULL, NULL, "log", "--token", "acme/two  blanks");
        ck_assert_int_eq(seen.status, 0);
        ck_assert_ptr_nonnull(strstr(seen.text, "\033[32madded\033[0m"));
        static const char *const words[] = {"データ取り込み,", "ticket\"", "acme/\"two", "expires"};
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            ck_assert_msg(count_words(seen.text, words[k]) >= 1, "%s: %s", words[k], seen.text);
        ck_assert_uint_ge(lines_fit(seen.text, sizes[i], 4), 1);
    }
    terminal_size.ws_col = 300;
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "log", "--token", "acme/two  blanks");
    ck_assert_ptr_nonnull(strstr(seen.text, "acme/\"two  blanks\" ")); /* as it is named */
    ck_assert_uint_eq(lines_fit(seen.text, 300, 4), 0);
    terminal_size.ws_col = 80;
    struct run run = CTL(config, NULL, "log", "--token", "acme/two  blanks");
    ck_assert_uint_eq(count_words(run.out, "\n"), 2); /* a pipe gets one line for each change */
}
END_TEST

START_TEST(doctor_fits)
{
    static const unsigned short sizes[] = {80, 120, 60};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        terminal_size.ws_col = sizes[i];
        struct seen seen = AT_TERMINAL(config, NULL, NULL, "doctor");
        ck_assert_ptr_nonnull(strstr(seen.text, "Configuration"));
        for (char *remedy = seen.text; (remedy = strstr(remedy, "    run '")) != NULL;)
            memset(remedy, '.', strcspn(remedy, "\r\n")); /* a command stays on one line */
        lines_fit(seen.text, sizes[i], 4);
    }
    terminal_size.ws_col = 80;
}
END_TEST

/* In a pipe the verdict stays on one line. */
START_TEST(verdict_fits)
{
    static const unsigned short sizes[] = {80, 60, 40};
    const char *const args[] = {
        "verify", "--token", "acme/two  blanks", "--at", "2100-01-01T00:00:00Z", NULL};
    const struct run run = run_ctl(config, NULL, args);
    ck_assert_int_eq(run.status, 1);
    ck_assert_uint_eq(count_words(run.out, "\n"), 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        terminal_size.ws_col = sizes[i];
        struct seen seen = at_terminal(config, args, NULL, NULL);
        ck_assert_int_eq(seen.status, 1);
        ck_assert_uint_ge(lines_fit(seen.text, sizes[i], 0), 2);
    }
    terminal_size.ws_col = 80;
}
END_TEST

/* As `list` does: at a terminal a line on standard error, nothing in a pipe. */
START_TEST(nothing_is_said)
{
    static const char *const args[][6] = {
        {"list", "--status", "expired", NULL},
        {"log", "--entity", "nobody", NULL},
        {"log", "--token", "00000000000", NULL},
        {"log", "--since", "2099-01-01", NULL},
        {"log", "-n", "0", NULL},
        {"entity", "list", "--contact", "x", NULL},
        {"log", "--until", "2001-01-01", "-n", "3", NULL},
    };
    static const char *const words[] = {"tokens",  "entries",  "entries", "entries",
                                        "entries", "entities", "entries"};
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        struct seen seen = at_terminal(config, args[i], NULL, NULL);
        char line[32];
        snprintf(line, sizeof line, "no %s\r\n", words[i]);
        ck_assert_int_eq(seen.status, 0);
        ck_assert_str_eq(seen.text, line);
        struct run run = run_ctl(config, NULL, args[i]);
        ck_assert_int_eq(run.status, 0);
        ck_assert_str_eq(run.out, "");
        ck_assert_str_eq(run.err, "");
    }
    json_t *log = done(CTL(config, NULL, "--json", "log", "--entity", "nobody"));
    ck_assert_uint_eq(json_array_size(json_object_get(log, "entries")), 0);
    json_decref(log);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wrapped");
    TCase *tests = tcase_create("wrapped");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, log_fits);
    tcase_add_test(tests, doctor_fits);
    tcase_add_test(tests, verdict_fits);
    tcase_add_test(tests, nothing_is_said);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
