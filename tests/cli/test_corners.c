/* SPDX-License-Identifier: ISC */
/*
 * Rare cases of commands: seldom used sort orders, a missing validator, lines of an import with one
 * wrong field each, and the output of dry runs.
 */
#include "cli/terminal.h"

#include <fcntl.h>

static const char *config, *folder;

static void setup(void)
{
    config = populated(&folder);
}

static void says(struct run run, int status, const char *words)
{
    ck_assert_msg(run.status == status, "status %d: %s%s", run.status, run.out, run.err);
    ck_assert_msg(strstr(run.out, words) != NULL || strstr(run.err, words) != NULL,
                  "'%s' is not in: %s%s", words, run.out, run.err);
}

START_TEST(in_order_of_creation)
{
    for (int i = 3; i > 0; i--) {
        char name[8];
        snprintf(name, sizeof name, "t%d", i);
        ck_assert_int_eq(CTL(config, NULL, "create", "acme", name).status, 0);
        usleep(1100000); /* dates are whole seconds */
    }
    struct run run = CTL(config, NULL, "list", "acme", "--sort", "created");
    const char *first = strstr(run.out, " t3 "), *last = strstr(run.out, " t1 ");
    ck_assert_msg(first != NULL && last != NULL && first < last, "%s%s", run.out, run.err);
    run = CTL(config, NULL, "list", "acme", "--sort", "-created");
    ck_assert(strstr(run.out, " t1 ") < strstr(run.out, " t3 "));
}
END_TEST

START_TEST(two_words_for_one_folder)
{
    says(CTL(config, NULL, "init", folder), 2, "both DIR and --config are given; keep one");
    char deep[5000];
    memset(deep, 'd', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    says(CTL(NULL, NULL, "init", deep), 5, "too long");
    memset(deep + 1, '/', sizeof deep - 2);
    memcpy(deep + 4080, "/end", 5);
    deep[0] = '/';
    for (size_t i = 2; i < 4080; i += 2)
        deep[i] = 'd';
    says(CTL(NULL, NULL, "init", deep), 2, "DIR is too long");
}
END_TEST

START_TEST(ended_at_once)
{
    says(CTL(config, NULL, "rotate", "acme/default", "--overlap", "0"), 0, "has ended.");
}
END_TEST

START_TEST(log_of_a_token_by_name)
{
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "second").status, 0);
    struct run run = CTL(config, NULL, "log", "--token", "acme/second");
    says(run, 0, "acme/\"second\"");
    ck_assert_ptr_null(strstr(run.out, "bolt"));
    says(CTL(config, NULL, "log", "--token", "acme/third"), 3, "no such token");
}
END_TEST

/* --- verify --- */

static struct run explained(const char *const *args)
{
    char text[64];
    snprintf(text, sizeof text, "%s", revealed(config, "bolt/default"));
    return run_ctl(config, text, args);
}
#define EXPLAINED(...) explained((const char *const[]){"verify", "--explain", __VA_ARGS__, NULL})

START_TEST(what_would_have_been)
{
    says(EXPLAINED("--at", "2020-06-01"), 0, "it expires at ");
    says(EXPLAINED("--entity", "zed"), 1, "it would pass");
    says(EXPLAINED("--entity", "zed", "--metric", "asn.x"), 1, "does not show asn.x");
    says(EXPLAINED("--entity", "zed", "--metric", "kpi.x"), 1, "it would pass");
    says(EXPLAINED("--entity", "zed", "--metric", "Not A Name"), 1, "not a metric name");
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--expires", "never").status, 0);
    says(EXPLAINED("--entity", "bolt"), 0, "it never expires");
}
END_TEST

START_TEST(validator_is_not_there)
{
    char self[512], wrong[512], made[2048];
    const char *text = keep_string(strdup(revealed(config, "acme/default")));
    snprintf(self, sizeof self, "%s/bin/esp-tokenctl", folder);
    snprintf(wrong, sizeof wrong, "%s/bin/esp_validator.so", folder);
    snprintf(made, sizeof made, "mkdir '%s/bin' && cp '%s' '%s'", folder, ctl_path(), self);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", made, NULL}, NULL).status, 0);
    const char *const verify[] = {self, "-c", config, "verify", NULL};
    says(run_process(verify, text), 5,
         "esp_validator.so is neither installed nor beside esp-tokenctl; reinstall");
    file_write(wrong, "no library", 10, 0755);
    says(run_process(verify, text), 5, "the validator: ");
    snprintf(made, sizeof made, "echo 'int x;' | cc -shared -fPIC -x c - -o '%s'", wrong);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", made, NULL}, NULL).status, 0);
    says(run_process(verify, text), 5, "not a validator of this version; reinstall");
    /* the layout of an installation */
    snprintf(made, sizeof made,
             "rm '%s' && mkdir -p '%s/lib/esp-token' && cp '%s' '%s/lib/esp-token'", wrong, folder,
             plugin_path(), folder);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", made, NULL}, NULL).status, 0);
    says(run_process(verify, text), 0, "allow");
}
END_TEST

/* Standard input is a terminal, but this process has no controlling terminal, so a question without
   echo is not possible. */
START_TEST(a_prompt_without_a_controlling_terminal)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    /* only a session leader gets a terminal that it opens as its controlling terminal */
    const char *const argv[] = {"setsid",
                                "--wait",
                                "sh",
                                "-c",
                                "\"$0\" -c \"$1\" verify <\"$2\" & wait $!",
                                ctl_path(),
                                config,
                                ptsname(terminal),
                                NULL};
    says(run_process(argv, NULL), 5, "the terminal: ");
    close(terminal);
}
END_TEST

/* --- import: one wrong field each --- */

#define SUM "\"sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define NAME_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct wrong {
    const char *line, *words;
} wrong_lines[] = {
    {"{\"entity\":{\"name\":\"new\",\"kind\":\"house\",\"tier\":\"lite\"}}", "kind"},
    {"{\"entity\":{\"name\":\"new\",\"kind\":\"customer\",\"tier\":\"lite\",\"status\":\"odd\"}}",
     "status"},
    {"{\"entity\":{\"name\":\"new\",\"kind\":\"customer\",\"tier\":\"lite\",\"created\":\"1d\"}}",
     "created"},
    {"{\"entity\":{\"name\":\"" NAME_64 "a\",\"kind\":\"customer\",\"tier\":\"lite\"}}", "name"},
    {"{\"token\":{\"entity\":\"acme\",\"name\":\"x\"," SUM "}}", "id"},
    {"{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"x\",\"status\":\"odd\"," SUM "}}",
     "status"},
    {"{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"x\",\"expires\":\"odd\"," SUM
     "}}",
     "expires"},
    {"{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"x\",\"sha256\":\"0123\"}}",
     "sha256"},
    {"{\"token\":{\"id\":\"15R4YyLIodi\",\"entity\":\"acme\",\"name\":\"x\"," SUM
     ",\"sealed\":\"AAAA\"}}",
     "sealed"},
    {"{\"token\":{\"foreign\":true,\"entity\":\"" NAME_64 "a\",\"name\":\"x\"," SUM "}}", "entity"},
};

START_TEST(one_wrong_field)
{
    const struct wrong *wrong = &wrong_lines[_i];
    const char *before = snapshot(config);
    says(CTL(config, wrong->line, "import", "-"), 2, wrong->words);
    says(CTL(config, wrong->line, "import", "-", "--dry-run"), 2, wrong->words);
    ck_assert_str_eq(before, snapshot(config));
}
END_TEST

START_TEST(foreign_tokens_travel)
{
    static const char line[] =
        "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"old\"," SUM "}}\n";
    static const char other[] =
        "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"older\"," SUM "}}\n";
    static const char numbered[] = "{\"token\":{\"id\":\"15R4YyLIodi\",\"foreign\":true,\"entity\":"
                                   "\"acme\",\"name\":\"third\"," SUM "}}\n";
    ck_assert_int_eq(CTL(config, line, "import", "-").status, 0);
    says(CTL(config, NULL, "export"), 0, "\"foreign\":true");
    ck_assert_int_eq(CTL(config, line, "import", "-").status, 0); /* the token exists already */
    says(CTL(config, other, "import", "-"), 4, "there is another token with that SHA-256");
    says(CTL(config, numbered, "import", "-"), 4, "exists already, with another id");
}
END_TEST

/* --- more than fits --- */

START_TEST(a_line_beyond_all_lines)
{
    static char line[70000];
    memset(line, 'a', sizeof line - 1);
    says(CTL(config, line, "import", "-"), 2,
         "standard input:1: a line with a NUL byte, or of over");
    const char *names = in_folder(folder, "names");
    file_write(names, "one\ntw\0o\n", 10, 0644);
    says(CTL(config, NULL, "create", "acme", "--from", names), 2,
         "names:2: a line with a NUL byte");
}
END_TEST

START_TEST(a_name_with_a_control_character)
{
    says(CTL("/none\033[2J/esp-token.conf", NULL, "list"), 5, "/none?[2J/esp-token.conf");
}
END_TEST

START_TEST(a_map_beyond_all_maps)
{
    char command[1024];
    snprintf(command, sizeof command, "sed -i 's/^.*map_size.*/map_size = 9999999999999T/' '%s'",
             config);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status, 0);
    says(CTL(config, NULL, "list"), 5, "map_size");
}
END_TEST

START_TEST(more_than_is_shown)
{
    char command[1024];
    snprintf(
        command, sizeof command,
        "sed -i 's/^max_tokens.*/max_tokens = unlimited/' '%s/tiers.ini' && seq 40 > '%s/names'",
        folder, folder);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status, 0);
    says(CTL(config, NULL, "--json", "tier", "list"), 0, "\"max_tokens\": null");
    const char *names = in_folder(folder, "names");
    ck_assert_int_eq(CTL(config, NULL, "create", "zed", "--from", names).status, 0);
    struct seen seen = AT_TERMINAL(config, "n\n", NULL, "entity", "remove", "zed");
    ck_assert_msg(seen.status == 4 && strstr(seen.text, " more\r\n") != NULL, "%s", seen.text);
}
END_TEST

START_TEST(words_are_wrapped)
{
    char command[2048];
    snprintf(
        command, sizeof command,
        "sed -i 's/^upgrade.*/upgrade = ask the one who keeps your account for a tier with more "
        "tokens and more of the metrics/' '%s/tiers.ini'",
        folder);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status, 0);
    setenv("NO_COLOR", "1", 1);
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "tier", "list");
    ck_assert_msg(seen.status == 0 && strstr(seen.text, "engagement.*") != NULL, "%s", seen.text);
    for (const char *line = seen.text; *line != '\0';
         line += strcspn(line, "\n"), line += *line == '\n')
        ck_assert_msg(strcspn(line, "\r\n") <= 80, "beyond the edge: %s", seen.text);
}
END_TEST

int main(void)
{
    setenv("LC_ALL", "C", 1);
    Suite *suite = suite_create("corners");
    TCase *tests = tcase_create("corners");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, in_order_of_creation);
    tcase_add_test(tests, two_words_for_one_folder);
    tcase_add_test(tests, ended_at_once);
    tcase_add_test(tests, log_of_a_token_by_name);
    tcase_add_test(tests, what_would_have_been);
    tcase_add_test(tests, validator_is_not_there);
    tcase_add_test(tests, a_prompt_without_a_controlling_terminal);
    tcase_add_loop_test(tests, one_wrong_field, 0, (int)(sizeof wrong_lines / sizeof *wrong_lines));
    tcase_add_test(tests, foreign_tokens_travel);
    tcase_add_test(tests, a_line_beyond_all_lines);
    tcase_add_test(tests, a_name_with_a_control_character);
    tcase_add_test(tests, a_map_beyond_all_maps);
    tcase_add_test(tests, more_than_is_shown);
    tcase_add_test(tests, words_are_wrapped);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
