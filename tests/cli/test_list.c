/* SPDX-License-Identifier: ISC */
/* list: selection, order, and layout at a terminal. */
#include "cli/terminal.h"

#include <time.h>

/* acme (advanced reseller): default, b (inactive), c (expires in 10 days). bolt, its
   customer: default. zed: default, which has expired. */
static void add_tokens(const char *config)
{
    populate(config);
    MUST_CTL(config, "create", "acme", "b", "--expires", "never");
    MUST_CTL(config, "edit", "acme/b", "--status", "inactive");
    MUST_CTL(config, "create", "acme", "c", "--expires", "10d");
    char soon[32];
    const time_t end = time(NULL) + 2;
    strftime(soon, sizeof soon, "%FT%TZ", gmtime(&end));
    MUST_CTL(config, "edit", "zed/default", "--expires", soon);
    while (time(NULL) <= end)
        usleep(100000);
}

static const char *with_tokens(void)
{
    return store_made(add_tokens, NULL);
}

/* "acme/default acme/b": the tokens of the JSON list, in its order. */
static const char *listed(const char *config, const char *const *options)
{
    static char names[1024];
    const char *args[16] = {"--json", "list"};
    for (size_t i = 0; options[i] != NULL; i++)
        args[2 + i] = options[i];
    json_t *list = done(run_ctl(config, NULL, args));
    size_t i, used = 0;
    json_t *token;
    names[0] = '\0';
    json_array_foreach(json_object_get(list, "tokens"), i, token)
    {
        HAS_KEYS(token, TOKEN_KEYS);
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s/%s", used > 0 ? " " : "",
                                 text_of(token, "entity"), text_of(token, "name"));
    }
    json_decref(list);
    return names;
}
#define LISTED(config, expected, ...) \
    ck_assert_str_eq(listed((config), (const char *const[]){__VA_ARGS__, NULL}), (expected))

/* The current time in the form that a person types. */
static const char *now(void)
{
    static char text[32];
    const time_t clock = time(NULL);
    strftime(text, sizeof text, "%FT%TZ", gmtime(&clock));
    return text;
}

/* Lets a host validate the token. */
static void use(const char *config, const char *token)
{
    validate_once(config, revealed(config, token));
}

START_TEST(which)
{
    const char *config = with_tokens();
    LISTED(config, "acme/b acme/c acme/default bolt/default zed/default", NULL);
    LISTED(config, "acme/c", "--expiring", "30d");
    LISTED(config, "", "--expiring", "9d");
    LISTED(config, "acme/c acme/default bolt/default", "--expiring", "2y");
    LISTED(config, "acme/b", "--status", "inactive");
    LISTED(config, "zed/default", "--status", "expired");
    LISTED(config, "acme/c acme/default bolt/default", "--status", "active");
    LISTED(config, "", "--status", "retiring");
    LISTED(config, "", "--status", "suspended");
    LISTED(config, "bolt/default zed/default", "--tier", "lite");
    LISTED(config, "acme/b acme/c acme/default bolt/default", "--reseller", "acme");
    LISTED(config, "bolt/default", "--reseller", "acme", "--tier", "lite");
    LISTED(config, "acme/c", "acme", "--status", "active", "--expiring", "30d");
    LISTED(config, "", "zed", "--tier", "advanced");
    LISTED(config, "", "--unused", "1h"); /* all tokens are newer */
    LISTED(config, "acme/b", "--unused", now(), "--status", "inactive");
}
END_TEST

/* Hosts deny suspended tokens, so no command calls them active. A token's own status takes
   precedence. */
START_TEST(suspended_is_told)
{
    const char *config = with_tokens(), *text = revealed(config, "bolt/default");
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--status", "inactive").status, 0);
    ck_assert_ptr_nonnull(strstr(CTL(config, text, "verify").out, "deny: suspended"));
    LISTED(config, "acme/c acme/default bolt/default", "--status", "suspended");
    LISTED(config, "acme/b", "--status", "inactive");
    LISTED(config, "zed/default", "--status", "expired");
    LISTED(config, "", "--status", "active");
    LISTED(config, "zed/default acme/b acme/c acme/default bolt/default", "--sort", "status");
    LISTED(config, "acme/c acme/default", "acme", "--status", "suspended");
    json_t *token = done(CTL(config, NULL, "--json", "show", "bolt/default"));
    ck_assert_str_eq(text_of(token, "status"), "suspended");
    json_decref(token);
    /* output of commands that create or change tokens says so, too */
    const char *const commands[][6] = {
        {"create", "acme", "d"},
        {"edit", "bolt/default", "--note", "x"},
        {"rotate", "bolt/default"},
        {"show", "bolt/default", "--reveal"},
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *args[8] = {"--json"};
        for (size_t j = 0; commands[i][j] != NULL; j++)
            args[1 + j] = commands[i][j];
        token = done(run_ctl(config, NULL, args));
        ck_assert_str_eq(text_of(token, "status"), "suspended");
        json_decref(token);
    }
    json_t *added = done(CTL(config, NULL, "--json", "entity", "add", "cape", "--kind", "customer",
                             "--reseller", "acme"));
    ck_assert_str_eq(text_of(json_object_get(added, "token"), "status"), "suspended");
    ck_assert_str_eq(text_of(json_object_get(added, "entity"), "status"), "active");
    json_decref(added);
    json_t *retired = done(CTL(config, NULL, "--json", "retire", "bolt/default"));
    ck_assert_str_eq(text_of(json_object_get(retired, "retired"), "status"), "suspended");
    json_decref(retired);
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "", 1);
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "show", "bolt/default");
    ck_assert_ptr_nonnull(strstr(seen.text, "\033[31msuspended\033[0m"));
    seen = AT_TERMINAL(config, NULL, NULL, "list");
    ck_assert_ptr_nonnull(strstr(seen.text, "\033[31msuspended"));
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--status", "active").status, 0);
    LISTED(config, "", "--status", "suspended");
}
END_TEST

/* The columns of --sort come from one array: help, completion and the refusal agree. */
START_TEST(columns_agree)
{
    const char *config = populated(NULL);
    struct run words = CTL(config, NULL, "complete", "--", "list", "--sort", "");
    struct run help = CTL(config, NULL, "list", "--help");
    struct run refused = CTL(config, NULL, "list", "--sort", "size");
    size_t count = 0;
    char *state;
    for (char *word = strtok_r(words.out, "\n", &state); word != NULL;
         word = strtok_r(NULL, "\n", &state), count++) {
        ck_assert_int_eq(CTL(config, NULL, "list", "--sort", word).status, 0);
        ck_assert_ptr_nonnull(strstr(strstr(help.out, "COLUMN is "), word));
        ck_assert_ptr_nonnull(strstr(refused.err, word));
    }
    ck_assert_uint_eq(count, 13);
    ck_assert_int_eq(CTL(config, NULL, "edit", "zed/default", "--note", "a").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--note", "b").status, 0);
    LISTED(config, "bolt/default zed/default acme/default", "--sort", "note");
    /* every status that completion offers is valid, and named in the refusal */
    words = CTL(config, NULL, "complete", "--", "list", "--status", "");
    refused = CTL(config, NULL, "list", "--status", "sleeping");
    count = 0;
    for (char *word = strtok_r(words.out, "\n", &state); word != NULL;
         word = strtok_r(NULL, "\n", &state), count++) {
        ck_assert_int_eq(CTL(config, NULL, "list", "--status", word).status, 0);
        ck_assert_ptr_nonnull(strstr(refused.err, word));
    }
    ck_assert_uint_eq(count, 5);
}
END_TEST

START_TEST(in_order)
{
    const char *config = with_tokens();
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--expires", "300d").status, 0);
    LISTED(config, "zed/default acme/c bolt/default acme/default acme/b", "--sort", "expires");
    LISTED(config, "acme/b acme/default bolt/default acme/c zed/default", "--sort", "-expires");
    LISTED(config, "acme/b acme/c acme/default bolt/default zed/default", "--sort", "name");
    LISTED(config, "zed/default bolt/default acme/b acme/c acme/default", "--sort", "-entity");
    LISTED(config, "acme/c acme/default bolt/default zed/default acme/b", "--sort=status");
    LISTED(config, "acme/default acme/c", "acme", "--sort", "-name", "--status", "active");
    LISTED(config, "acme/b acme/c acme/default bolt/default zed/default", "--sort", "last_used");
    LISTED(config, "acme/b acme/c acme/default bolt/default zed/default", "--sort", "uses");
    char before[32];
    snprintf(before, sizeof before, "%s", now());
    for (const time_t clock = time(NULL); time(NULL) <= clock;)
        usleep(100000);
    use(config, "bolt/default");
    use(config, "acme/c");
    use(config, "acme/c");
    LISTED(config, "acme/c bolt/default acme/b acme/default zed/default", "--sort", "-uses");
    LISTED(config, "acme/b acme/default zed/default", "--sort", "last_used", "--unused", before);
}
END_TEST

START_TEST(refused)
{
    static const struct {
        int status;
        const char *option, *value;
    } refusals[] = {
        {2, "--expiring", "never"},  {2, "--expiring", "2001-01-01"}, {2, "--expiring", "soon"},
        {2, "--unused", "never"},    {2, "--unused", "2999-01-01"},   {2, "--unused", "long"},
        {2, "--status", "sleeping"}, {2, "--sort", "size"},           {2, "--sort", "-"},
        {2, "--reseller", "bolt"},   {3, "--reseller", "nobody"},     {3, "--tier", "golden"},
    };
    const char *config = populated(NULL);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct run run = CTL(config, NULL, "list", refusals[i].option, refusals[i].value);
        ck_assert_msg(run.status == refusals[i].status, "%s %s: %s", refusals[i].option,
                      refusals[i].value, run.err);
        ck_assert_str_eq(run.out, "");
    }
}
END_TEST

/* Characters; the names here have no wide ones. */
static size_t columns_of(const char *line)
{
    size_t columns = 0;
    for (; *line != '\0'; line++)
        columns += (*line & 0xC0) != 0x80;
    return columns;
}

/* Names are cut to fit; ids, words and dates are not. */
START_TEST(fits_80_columns)
{
    const char *config = with_tokens();
    char entity[65] = "e", name[101] = "n";
    memset(entity + 1, 'x', 63);
    memset(name + 1, 'y', 99);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "add", entity, "--kind", "reseller", "--tier", "advanced")
            .status,
        0);
    ck_assert_int_eq(CTL(config, NULL, "create", entity, name, "--expires", "never").status, 0);
    char path[101];
    snprintf(path, sizeof path, "%s/default", entity);
    json_t *token = done(CTL(config, NULL, "--json", "show", path));
    setenv("NO_COLOR", "1", 1);
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "list");
    ck_assert_int_eq(seen.status, 0);
    ck_assert_ptr_nonnull(strstr(seen.text, text_of(token, "id")));
    ck_assert_ptr_nonnull(strstr(seen.text, "in 10 days"));
    ck_assert_ptr_nonnull(strstr(seen.text, "never"));
    ck_assert_ptr_null(strstr(seen.text, "T0"));
    ck_assert_ptr_nonnull(strstr(seen.text, "x… "));
    ck_assert_ptr_nonnull(strstr(seen.text, "y… "));
    char *state;
    for (char *line = strtok_r(seen.text, "\r\n", &state); line != NULL;
         line = strtok_r(NULL, "\r\n", &state))
        ck_assert_msg(columns_of(line) <= 80, "%s", line);
    /* a pipe gets whole names */
    struct run run = CTL(config, NULL, "list");
    ck_assert_ptr_nonnull(strstr(run.out, entity));
    ck_assert_ptr_nonnull(strstr(run.out, name));
    ck_assert_ptr_null(strstr(run.out, "days"));
    json_decref(token);
}
END_TEST

START_TEST(colours_tell)
{
    const char *config = with_tokens();
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "", 1); /* empty: not set */
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "list");
    ck_assert_ptr_nonnull(strstr(seen.text, "\033[31mexpired"));
    ck_assert_ptr_nonnull(strstr(seen.text, "\033[32mactive"));
    ck_assert_ptr_nonnull(strstr(seen.text, "\033[35min 10 days"));
    seen = AT_TERMINAL(config, NULL, NULL, "list", "zed");
    ck_assert_ptr_nonnull(strstr(seen.text, "\n1 token: 1 expired\r\n"));
    seen = AT_TERMINAL(config, NULL, NULL, "show", "zed/default");
    ck_assert_ptr_nonnull(strstr(seen.text, "\033[31mexpired\033[0m"));
    /* in a pipe only if that is asked for */
    ck_assert_ptr_null(strstr(CTL(config, NULL, "list").out, "\033["));
    setenv("CLICOLOR_FORCE", "1", 1);
    struct run run = CTL(config, NULL, "list");
    ck_assert_ptr_nonnull(strstr(run.out, "\033[31mexpired"));
    ck_assert_ptr_nonnull(strstr(run.out, "\033[1mENTITY"));
    ck_assert_ptr_null(strstr(run.out, "days"));
    setenv("NO_COLOR", "1", 1);
    ck_assert_ptr_null(strstr(CTL(config, NULL, "list").out, "\033["));
    setenv("NO_COLOR", "", 1);
    setenv("CLICOLOR_FORCE", "0", 1);
    ck_assert_ptr_null(strstr(CTL(config, NULL, "list").out, "\033["));
    setenv("TERM", "dumb", 1);
    ck_assert_ptr_null(strstr(AT_TERMINAL(config, NULL, NULL, "list").text, "\033["));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("list");
    TCase *tests = tcase_create("list");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, which);
    tcase_add_test(tests, suspended_is_told);
    tcase_add_test(tests, columns_agree);
    tcase_add_test(tests, in_order);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, fits_80_columns);
    tcase_add_test(tests, colours_tell);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
