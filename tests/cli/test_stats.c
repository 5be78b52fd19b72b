/* SPDX-License-Identifier: ISC */
/* stats: the figures agree with the store in every output form. */
#include "cli/terminal.h"

#include <regex.h>
#include <sys/stat.h>
#include <time.h>

/* acme (advanced) has one active token, one inactive, and one that expires in 5
   days. bolt and zed (lite) have one each, which never expires. bolt is inactive. */
static void add_tokens(const char *config)
{
    populate(config);
    MUST_CTL(config, "create", "acme", "b");
    MUST_CTL(config, "edit", "acme/b", "--status", "inactive");
    MUST_CTL(config, "create", "acme", "c", "--expires", "5d");
    MUST_CTL(config, "edit", "bolt/default", "--expires", "never");
    MUST_CTL(config, "edit", "zed/default", "--expires", "never");
    MUST_CTL(config, "entity", "edit", "bolt", "--status", "inactive");
}

static const char *with_tokens(const char **ret_folder)
{
    return store_made(add_tokens, ret_folder);
}

static json_int_t number(const json_t *json, const char *path)
{
    char key[32];
    for (; json != NULL && *path != '\0'; path += *path == '.') {
        const size_t len = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)len, path);
        json = json_object_get(json, key);
        path += len;
    }
    ck_assert_msg(json_is_integer(json), "no number: %s", key);
    return json_integer_value(json);
}

START_TEST(in_json)
{
    const char *config = with_tokens(NULL);
    json_t *stats = done(CTL(config, NULL, "--json", "stats"));
    HAS_KEYS(stats, "revision", "entities", "over_limit", "tokens", "tiers", "expiring",
             "last_used", "uses");
    ck_assert_int_eq(number(stats, "entities.reseller.active"), 1);
    ck_assert_int_eq(number(stats, "entities.customer.active"), 1);
    ck_assert_int_eq(number(stats, "entities.customer.inactive"), 1);
    ck_assert_int_eq(number(stats, "tokens.active"), 3);
    ck_assert_int_eq(number(stats, "tokens.suspended"), 1); /* the token of bolt */
    ck_assert_int_eq(number(stats, "tokens.inactive"), 1);
    ck_assert_int_eq(number(stats, "tokens.expired"), 0);
    ck_assert_int_eq(number(stats, "over_limit"), 0);
    ck_assert_int_eq(number(stats, "expiring.never"), 2);
    ck_assert_int_eq(number(stats, "last_used.never"), 5);
    const json_t *lite = json_array_get(json_object_get(stats, "tiers"), 0);
    ck_assert_str_eq(text_of(lite, "name"), "lite");
    ck_assert_int_eq(number(lite, "tokens.active"), 1);
    ck_assert_int_eq(number(lite, "tokens.suspended"), 1);
    /* every token is counted in one month, as later, or as never */
    json_int_t sum = number(stats, "expiring.later") + number(stats, "expiring.never");
    size_t i;
    json_t *month;
    json_array_foreach(json_object_get(json_object_get(stats, "expiring"), "months"), i, month)
        sum += number(month, "tokens");
    ck_assert_int_eq(sum, 5);
    ck_assert_uint_eq(i, 12);
    json_t *again = done(CTL(config, NULL, "--json", "stats", "--as", "acme"));
    ck_assert_int_eq(number(again, "tokens.active"), 2); /* zed's token is not visible */
    json_decref(again);
    json_decref(stats);
}
END_TEST

/* Returns the value of one line of the text format. */
static double value_of(const char *text, const char *series)
{
    char line[128];
    snprintf(line, sizeof line, "\n%s", series);
    const char *at = strstr(text, line);
    ck_assert_msg(at != NULL, "no %s", series);
    return strtod(at + strlen(line), NULL);
}

/* Checks that each line is a HELP, a TYPE that follows it, or a series of that name with a
   number. */
static void require_format(char *text)
{
    regex_t series;
    char help[80] = "", type[80] = "", *state;
    ck_assert_int_eq(regcomp(&series,
                             "^[a-z_]+(\\{[a-z_]+=\"[^\"\\\\]*\"(,[a-z_]+=\"[^\"\\\\]*\")*\\})? "
                             "[0-9]+$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    for (char *line = strtok_r(text, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state)) {
        if (sscanf(line, "# HELP %79s", help) == 1) {
            ck_assert_int_eq(line[strlen(line) - 1], '.');
        } else if (sscanf(line, "# TYPE %79s gauge", type) == 1) {
            ck_assert_str_eq(type, help);
        } else {
            ck_assert_msg(regexec(&series, line, 0, NULL, 0) == 0, "%s", line);
            ck_assert_uint_eq(strcspn(line, "{ "), strlen(type));
            ck_assert_int_eq(strncmp(line, type, strlen(type)), 0);
        }
    }
    regfree(&series);
}

/* Runs promtool of Prometheus too, if it is installed. */
static void require_by_promtool(const char *text)
{
    struct run found =
        run_process((const char *const[]){"sh", "-c", "command -v promtool", NULL}, NULL);
    if (found.status != 0)
        return;
    struct run run = run_process((const char *const[]){"promtool", "check", "metrics", NULL}, text);
    ck_assert_msg(run.status == 0, "%s%s", run.out, run.err);
}

START_TEST(for_prometheus)
{
    const char *folder, *config = with_tokens(&folder);
    const char *path = in_folder(folder, "esp-token.prom");
    struct run run = CTL(config, NULL, "stats", "--prometheus");
    ck_assert_int_eq(run.status, 0);
    ck_assert(value_of(run.out, "esp_token_tokens{tier=\"lite\",status=\"active\"} ") == 1);
    ck_assert(value_of(run.out, "esp_token_tokens{tier=\"lite\",status=\"suspended\"} ") == 1);
    ck_assert(value_of(run.out, "esp_token_tokens{tier=\"advanced\",status=\"inactive\"} ") == 1);
    ck_assert(value_of(run.out, "esp_token_entities{kind=\"customer\",status=\"inactive\"} ") == 1);
    ck_assert(value_of(run.out, "esp_token_tokens_expiring{days=\"1\"} ") == 0);
    ck_assert(value_of(run.out, "esp_token_tokens_expiring{days=\"7\"} ") == 1);
    json_t *stats = done(CTL(config, NULL, "--json", "stats"));
    ck_assert(value_of(run.out, "esp_token_store_revision ") == (double)number(stats, "revision"));
    json_decref(stats);
    require_by_promtool(run.out);
    char *text = strdup(run.out);
    require_format(text);
    free(text);

    /* into a file: written whole, replacing the old file, readable by the collector */
    struct stat st;
    file_write(path, "old", 3, 0600);
    struct run silent = CTL(config, NULL, "stats", "--prometheus", "-o", path);
    ck_assert_msg(silent.status == 0, "%s", silent.err);
    ck_assert_str_eq(silent.out, "");
    ck_assert_str_eq(file_read(path, NULL), run.out);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0644);
    ck_assert_int_eq(CTL(config, NULL, "stats", "--prometheus", "-o", "/nonexistent/x").status, 5);
    ck_assert_int_eq(CTL(config, NULL, "stats", "-o", path).status, 2);
    ck_assert_int_eq(CTL(config, NULL, "--json", "stats", "--prometheus").status, 2);
}
END_TEST

START_TEST(for_a_person)
{
    const char *config = with_tokens(NULL);
    setenv("LC_ALL", "C.UTF-8", 1);
    struct run run = CTL(config, NULL, "stats");
    ck_assert_int_eq(strncmp(run.out,
                             "1 reseller and 2 customers (1 inactive, 0 over the limit), 5 "
                             "tokens\n",
                             66),
                     0);
    ck_assert_ptr_nonnull(strstr(run.out, "\nadvanced           3 ██████████████ "));
    ck_assert_ptr_nonnull(strstr(run.out, "\nlite               2 █████████▍ "));
    setenv("LC_ALL", "C", 1);
    run = CTL(config, NULL, "stats");
    ck_assert_ptr_nonnull(strstr(run.out, "\nlite               2 ########## "));
    for (const char *at = run.out; *at != '\0'; at++)
        ck_assert_int_ge(*at, 0); /* ASCII */
    setenv("NO_COLOR", "1", 1);
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "stats");
    size_t lines = 0;
    char *state;
    for (char *line = strtok_r(seen.text, "\r\n", &state); line != NULL;
         line = strtok_r(NULL, "\r\n", &state), lines++)
        ck_assert_msg(strlen(line) <= 80, "%s", line);
    ck_assert_uint_lt(lines + 2, 24); /* two more lines are empty */
    ck_assert_int_eq(CTL(store_folder(NULL), NULL, "stats").status, 0);
}
END_TEST

/* A count of one among hundreds has a visible bar. */
START_TEST(little_is_seen)
{
    const char *folder, *config = populated(&folder);
    char lines[300 * 8] = "";
    file_text(in_folder(folder, "tiers.ini"), "[lite]\nrank = 1\nmax_tokens = 1\ndefault = yes\n"
                                              "[advanced]\nrank = 2\nmax_tokens = unlimited\n");
    for (int i = 0; i < 300; i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "t%d\n", i);
    ck_assert_int_eq(CTL(config, lines, "create", "acme", "--from", "-").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "remove", "zed", "--yes").status, 0);
    setenv("LC_ALL", "C.UTF-8", 1);
    struct run run = CTL(config, NULL, "stats");
    ck_assert_msg(strstr(run.out, "\nlite               1 ▏ ") != NULL, "%s", run.out);
    setenv("LC_ALL", "C", 1);
    run = CTL(config, NULL, "stats");
    ck_assert_msg(strstr(run.out, "\nlite               1 # ") != NULL, "%s", run.out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stats");
    TCase *tests = tcase_create("stats");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, in_json);
    tcase_add_test(tests, for_prometheus);
    tcase_add_test(tests, for_a_person);
    tcase_add_test(tests, little_is_seen);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
