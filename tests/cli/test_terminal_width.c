/* SPDX-License-Identifier: ISC */
/* Tables at a terminal: the same widths in all rows, marked cuts, and wide characters. */
#include "cli/terminal.h"

#include <locale.h>
#include <wchar.h>

#define ROWS 2500 /* more than two blocks that are laid out together */

static const char *config;

/* bulk has ROWS tokens with short names, then one with a long one: t-1 ... t-2500, zz... */
static void setup(void)
{
    const char *folder;
    config = store_folder(&folder);
    const char *tiers = in_folder(folder, "tiers.ini");
    char *text = file_read(tiers, NULL), *limit = strstr(text, "max_tokens = 1\n");
    ck_assert_ptr_nonnull(limit);
    memcpy(limit, "max_tokens=9999", strlen("max_tokens = 1\n"));
    char *whole = NULL;
    ck_assert_int_gt(asprintf(&whole, "%.*s\n%s", (int)(limit - text) + 15, text, limit + 15), 0);
    file_text(tiers, whole);
    free(whole);
    struct run run = CTL(config, NULL, "entity", "add", "bulk", "--kind", "customer");
    ck_assert_msg(run.status == 0, "%s", run.err);
    char *names = NULL;
    size_t len;
    FILE *out = open_memstream(&names, &len);
    for (int i = 1; i <= ROWS; i++)
        fprintf(out, "t-%d\n", i);
    fprintf(out, "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-end\n"
                 "データ取り込み\nrocket-🚀\ncafe\u0301\n"
                 "データデータデータデータデータデータデータデータデータ取\n");
    fclose(out);
    run = CTL(config, names, "create", "bulk", "--from", "-", "-q");
    ck_assert_msg(run.status == 0, "%s", run.err);
    free(names);
    setenv("NO_COLOR", "1", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setlocale(LC_CTYPE, "C.UTF-8");
}

static int columns_of(const char *line, size_t len)
{
    wchar_t wide[1024];
    mbstate_t state = {0};
    const size_t count = mbsnrtowcs(wide, &line, len, 1024, &state);
    ck_assert_uint_lt(count, 1024);
    return wcswidth(wide, count);
}

/* Checks that the word begins in the same column of each line, and no line is wider than the
   terminal. Returns how many lines have it. */
static size_t in_one_column(char *text, const char *word, int most)
{
    char *state;
    int column = -1;
    size_t lines = 0;
    for (char *line = strtok_r(text, "\r\n", &state); line != NULL;
         line = strtok_r(NULL, "\r\n", &state)) {
        const char *at = strstr(line, word);
        ck_assert_msg(columns_of(line, strlen(line)) <= most, "%s", line);
        if (at == NULL || strstr(line, "tokens:") != NULL)
            continue;
        const int here = columns_of(line, (size_t)(at - line));
        ck_assert_msg(column < 0 || here == column, "%d instead of %d: %s", here, column, line);
        column = here;
        lines++;
    }
    return lines;
}

START_TEST(one_width_for_all_rows)
{
    static const unsigned short sizes[] = {80, 120, 50};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        terminal_size.ws_col = sizes[i];
        struct seen seen =
            AT_TERMINAL(config, NULL, NULL, "list", "bulk", "--columns", "entity,id,name,status");
        ck_assert_int_eq(seen.status, 0);
        ck_assert_ptr_nonnull(strstr(seen.text, "\n2506 tokens: 2506 active\r\n"));
        /* cells that fit are not cut, and cuts are marked */
        ck_assert_ptr_nonnull(strstr(seen.text, " t-2500 "));
        ck_assert_ptr_nonnull(strstr(seen.text, " データ取り込み "));
        ck_assert_int_eq(strstr(seen.text, "-end ") != NULL, sizes[i] == 120);
        ck_assert_int_eq(strstr(seen.text, "z… ") != NULL, sizes[i] != 120);
        ck_assert_int_eq(strstr(seen.text, "… ") != NULL, sizes[i] != 120);
        ck_assert_uint_eq(in_one_column(seen.text, " active", sizes[i]), ROWS + 6);
    }
    terminal_size.ws_col = 80;
}
END_TEST

/* Also in the order of --sort, without headers, and in a pipe, where nothing is cut. */
START_TEST(in_every_form)
{
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "list", "--sort", "-name", "--no-headers");
    ck_assert_ptr_null(strstr(seen.text, "ENTITY"));
    ck_assert_ptr_null(strstr(seen.text, "tokens:"));
    ck_assert_uint_eq(in_one_column(seen.text, " active", 80), ROWS + 6);
    terminal_size.ws_col = 40;
    struct run run = CTL(config, NULL, "list", "bulk");
    ck_assert_ptr_nonnull(strstr(run.out, "-end "));
    ck_assert_ptr_nonnull(strstr(run.out, "データ取 "));
    ck_assert_ptr_null(strstr(run.out, "…"));
    ck_assert_ptr_null(strstr(run.out, "tokens:"));
    ck_assert_uint_ge(in_one_column(run.out, " active", 1000), 1);
    seen = AT_TERMINAL(config, NULL, NULL, "list", "-q", "--sort", "name");
    terminal_size.ws_col = 80;
    ck_assert_uint_eq(strlen(seen.text), (ROWS + 6) * strlen("12345678901\r\n"));
}
END_TEST

/* In a locale without the character …, another mark is used. */
START_TEST(in_plain_ascii)
{
    setenv("LC_ALL", "C", 1);
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "list", "bulk");
    setenv("LC_ALL", "C.UTF-8", 1);
    ck_assert_ptr_nonnull(strstr(seen.text, "z~ "));
    ck_assert_ptr_null(strstr(seen.text, "…"));
}
END_TEST

START_TEST(a_tree_is_cut)
{
    char name[65] = "n";
    memset(name + 1, 'x', 63);
    ck_assert_int_eq(CTL(config, NULL, "entity", "add", name, "--kind", "reseller").status, 0);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "add", "leaf", "--kind", "customer", "--reseller", name).status,
        0);
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "entity", "list", "--tree");
    ck_assert_ptr_nonnull(strstr(seen.text, "├─bulk"));
    ck_assert_ptr_nonnull(strstr(seen.text, "└─nxxxxx"));
    ck_assert_ptr_nonnull(strstr(seen.text, "  └─leaf"));
    ck_assert_ptr_nonnull(strstr(seen.text, "x… "));
    ck_assert_uint_eq(in_one_column(seen.text, " active", 80), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("terminal width");
    TCase *tests = tcase_create("terminal width");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, one_width_for_all_rows);
    tcase_add_test(tests, in_every_form);
    tcase_add_test(tests, in_plain_ascii);
    tcase_add_test(tests, a_tree_is_cut);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
