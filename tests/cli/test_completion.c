/* SPDX-License-Identifier: ISC */
/* Completion in real shells: the test types at a terminal and checks the arguments that the program
   gets. */
#include "cli/drive.h"

#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY "ready> "
#define SECONDS 20
/* A name with characters that a shell would interpret. */
#define ODD "q$(echo no) `id`;*'\"\\&!#|<~{a,b}"

#define QUOTED "r$(echo no) `id` \"x\" \\ it's"

/* --- esp-tokenctl complete --- */

static void completes(const char *config, const char *expected, const char *const *words)
{
    const char *args[16] = {"complete", "--"};
    for (size_t i = 0; words[i] != NULL; i++)
        args[2 + i] = words[i];
    struct run run = run_ctl(config, NULL, args);
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.err, "");
    ck_assert_msg(strcmp(run.out, expected) == 0, "%s %s: %s", words[0], words[1], run.out);
}
#define COMPLETES(config, expected, ...) \
    completes((config), (expected), (const char *const[]){__VA_ARGS__, NULL})

static void add_names(const char *config)
{
    populate(config);
    MUST_CTL(config, "create", "acme", "my website");
    MUST_CTL(config, "create", "acme", "a:b");
    MUST_CTL(config, "create", "acme", "zwölf");
    MUST_CTL(config, "entity", "add", "odd", "--kind", "reseller");
    MUST_CTL(config, "edit", "odd/default", "--name", ODD);
    MUST_CTL(config, "entity", "edit", "odd", "--tier", "advanced");
    MUST_CTL(config, "create", "odd", QUOTED);
}

static const char *with_names(void)
{
    return store_made(add_names, NULL);
}

START_TEST(knows_what_may_come)
{
    const char *config = with_names();
    COMPLETES(config, "entity\tadd, list, show, edit, remove\n", "en");
    COMPLETES(config, "log\tshow who changed what, and when\n", "lo"); /* also for `log verify` */
    COMPLETES(config, "show\tshow an entity\n", "entity", "sh");
    COMPLETES(config, "entity\tadd, list, show, edit, remove\n", "help", "en");
    COMPLETES(config, "show\tshow an entity\n", "help", "entity", "sh");
    COMPLETES(config, "acme\nbolt\nodd\nzed\n", "list", "");
    COMPLETES(config, "acme/\n", "show", "ac");
    COMPLETES(config, "acme/a:b\nacme/default\nacme/my website\nacme/zwölf\n", "show", "acme/");
    COMPLETES(config, "acme/my website\n", "--json", "show", "--reveal", "acme/m");
    COMPLETES(config, "acme\n", "create", "a");
    COMPLETES(config, "", "create", "acme", "a");
    COMPLETES(config, "reseller\n", "entity", "add", "x", "--kind", "r");
    COMPLETES(config, "--kind=customer\n", "entity", "add", "x", "--kind=c");
    COMPLETES(config, "acme\nodd\n", "entity", "add", "x", "--reseller", ""); /* only resellers */
    COMPLETES(config, "none\n", "entity", "edit", "x", "--reseller", "n");
    COMPLETES(config, "lite\tLite\n", "entity", "edit", "x", "--tier", "l");
    COMPLETES(config, "--reveal\tprint the token's text too\n", "show", "--re");
    COMPLETES(config, "", "show", "--reveal", "--re");
    COMPLETES(config, "", "show", "--", "--re");
    COMPLETES(config, "expired\n", "list", "--status", "e");
    COMPLETES(config, "", "edit", "acme/default", "--status", "e");
    COMPLETES(config, "-expires\n", "list", "--sort", "-ex");
    COMPLETES(config, "verify\tprove that no entry of the log was altered\n", "log", "v");
    COMPLETES(config, ":file\n", "tier", "check", "");
    COMPLETES(config, ":file\n", "-c", "x");
    COMPLETES(config, ":folder\n", "init", "");
    COMPLETES(NULL, "acme\nbolt\nodd\nzed\n", "-c", config, "entity", "show", "");
    COMPLETES(config, "", "list", "-c", "/nonexistent", "");
    COMPLETES(config, "", "bogus", "");
    COMPLETES(config, "", "show", "nobody/");
    COMPLETES(config, "", "-c", "/nonexistent", "entity", "edit", "x", "--tier", "");
    COMPLETES(config, "", "complete", "x", "y", "");
    char longer[300];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    COMPLETES(config, "", "list", longer);
    longer[80] = '/';
    COMPLETES(config, "", "show", longer);
    COMPLETES(config, "", "show", "zzzzzzzzzzz"); /* not an id: more than 64 bits */
    COMPLETES(config, "", "show", "000000000000");
    struct run far = CTL(config,
                         "{\"token\":{\"id\":\"LygHa16AHYE\",\"entity\":\"acme\",\"name\":\"far\","
                         "\"sha256\":"
                         "\"0000000000000000000000000000000000000000000000000000000000000000\"}}",
                         "import", "-");
    ck_assert_msg(far.status == 0, "%s", far.err);
    COMPLETES(config, "LygHa16AHYE\n", "show", "L"); /* the highest first character of an id */
    ck_assert_int_eq(CTL(config, NULL, "remove", "acme/far", "--yes").status, 0);
    struct run run = CTL(config, NULL, "--json", "show", "acme/default");
    json_t *token = done(run);
    char begin[4], line[16];
    snprintf(begin, sizeof begin, "%s", text_of(token, "id"));
    snprintf(line, sizeof line, "%s\n", text_of(token, "id"));
    run = CTL(config, NULL, "complete", "--", "show", begin);
    ck_assert_ptr_nonnull(strstr(run.out, line));
    json_decref(token);
}
END_TEST

/* With more names than are shown, the last one is shown too, because a shell completes only the
   prefix that all candidates share. */
START_TEST(of_many_names)
{
    const char *config = store_folder(NULL);
    char entities[230 * 32] = "";
    for (int i = 0; i < 230; i++)
        snprintf(entities + strlen(entities), sizeof entities - strlen(entities),
                 i < 215 ? "many-a%03d customer\n" : "many-b%03d customer\n", i);
    ck_assert_int_eq(CTL(config, entities, "entity", "add", "--from", "-").status, 0);
    struct run run = CTL(config, NULL, "complete", "--", "list", "ma");
    size_t lines = 0;
    for (const char *at = run.out; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, 201);
    ck_assert_ptr_nonnull(strstr(run.out, "many-a199\nmany-b229\n"));
    run = CTL(config, NULL, "complete", "--", "list", "many-a");
    ck_assert_ptr_nonnull(strstr(run.out, "many-a199\nmany-a214\n"));
}
END_TEST

/* More tokens than are shown, by id and by name. The last byte of the entity's number is 255, so
   that the next number carries into the byte above. */
START_TEST(of_many_tokens)
{
    const char *folder, *config = store_folder(&folder);
    char lines[256 * 32] = "";
    file_text(in_folder(folder, "tiers.ini"), "[lite]\nrank = 1\nmax_tokens = 1\ndefault = yes\n"
                                              "[advanced]\nrank = 2\nmax_tokens = unlimited\n");
    for (int i = 1; i <= 255; i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "n%03d customer\n", i);
    ck_assert_int_eq(CTL(config, lines, "entity", "add", "--from", "-").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "add", "after", "--kind", "customer").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "n255", "--tier", "advanced").status, 0);
    lines[0] = '\0';
    for (int i = 0; i < 230; i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "t%03d\n", i);
    ck_assert_int_eq(CTL(config, lines, "create", "n255", "--from", "-").status, 0);
    struct run run = CTL(config, NULL, "complete", "--", "show", "n255/");
    ck_assert_ptr_nonnull(strstr(run.out, "n255/t198\nn255/t229\n"));
    json_t *token = done(CTL(config, NULL, "--json", "show", "n255/t000"));
    char begin[4];
    snprintf(begin, sizeof begin, "%s", text_of(token, "id"));
    json_decref(token);
    run = CTL(config, NULL, "complete", "--", "show", begin);
    size_t count = 0;
    for (const char *at = run.out; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    ck_assert_uint_eq(count, 201);
    file_text(in_folder(folder, "tiers.ini"), "[lite\n");
    COMPLETES(config, "", "entity", "edit", "n255", "--tier", "");
}
END_TEST

/* --- the shells --- */

static char seen[1 << 16];
static size_t seen_len;
static int terminal;

/* Waits some seconds at most until `text` appears after the text of the last call. */
static void wait_for(const char *text)
{
    struct pollfd poll_fd = {.fd = terminal, .events = POLLIN};
    const char *found;
    while ((found = strstr(seen, text)) == NULL) {
        ck_assert_msg(poll(&poll_fd, 1, SECONDS * 1000) == 1, "no %s in: %s", text, seen);
        ssize_t got = read(terminal, seen + seen_len, sizeof seen - 1 - seen_len);
        ck_assert_msg(got > 0, "the shell ended: %s", seen);
        for (ssize_t i = 0; i < got; i++) { /* the output of zsh may hold NULs */
            if (seen[seen_len + (size_t)i] == '\0')
                seen[seen_len + (size_t)i] = ' ';
        }
        seen_len += (size_t)got;
        seen[seen_len] = '\0';
    }
    found += strlen(text);
    seen_len -= (size_t)(found - seen);
    memmove(seen, found, seen_len + 1);
}

static void type(const char *text)
{
    ck_assert_int_eq(write(terminal, text, strlen(text)), (ssize_t)strlen(text));
}

/* `\t` in `typed` asks for completion. Asserts that the program gets `expected`, each argument in
   <>. */
static void gets(const char *typed, const char *expected)
{
    char line[256];
    type(typed);
    type("\r");
    snprintf(line, sizeof line, "got:%s:", expected);
    wait_for(line);
    wait_for(READY);
}

static void begin_shell(const char *const *argv, const char *setup)
{
    const char *folder = temp_folder(), *path = in_folder(folder, "esp-tokenctl");
    char script[1024], search[1024];
    setenv("ESP_TOKEN_CONFIG", with_names(), 1);
    /* completes like the real program, and prints all other arguments */
    snprintf(script, sizeof script,
             "#!/bin/sh\n[ \"$1\" = complete ] && exec '%s' \"$@\"\n"
             "printf 'got:'; printf '<%%s>' \"$@\"; echo :\n",
             ctl_path());
    file_write(path, script, strlen(script), 0755);
    snprintf(search, sizeof search, "%s:%s", folder, getenv("PATH"));
    setenv("PATH", search, 1);
    setenv("HOME", folder, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("TERM", "dumb", 1);
    setenv("COMPLETIONS", OUT "/../../etc/completions", 1);
    pid_t child = forkpty(&terminal, NULL, NULL, &(struct winsize){50, 200, 0, 0});
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        execvp(argv[0], (char *const *)(void *)argv);
        _exit(127);
    }
    type(setup);
    wait_for(READY);
    wait_for(READY);
}

static void end_shell(void)
{
    int status;
    type("exit\r");
    ck_assert_int_gt(wait(&status), 0);
    close(terminal);
}

static void common_lines(void)
{
    gets("esp-tokenctl enti\tsho\tac\t", "<entity><show><acme>");
    gets("esp-tokenctl show acme/de\t", "<show><acme/default>");
    gets("esp-tokenctl show ac\tmy\t--rev\t", "<show><acme/my website><--reveal>");
    gets("esp-tokenctl show acme/my\\ w\t", "<show><acme/my website>");
    gets("esp-tokenctl show 'acme/my w\t", "<show><acme/my website>");
    gets("esp-tokenctl show acme/a:\t", "<show><acme/a:b>");
    gets("esp-tokenctl show acme/zw\t", "<show><acme/zwölf>");
    gets("esp-tokenctl show odd/q\t", "<show><odd/" ODD ">");
    gets("esp-tokenctl show odd/r\t", "<show><odd/" QUOTED ">");
    gets("esp-tokenctl show 'odd/r\t", "<show><odd/" QUOTED ">");
    gets("esp-tokenctl show \"odd/r\t", "<show><odd/" QUOTED ">");
    gets("esp-tokenctl entity add x --kind re\t", "<entity><add><x><--kind><reseller>");
    gets("esp-tokenctl entity add x --kind=re\t", "<entity><add><x><--kind=reseller>");
    gets("esp-tokenctl tier check $COMPLETIONS/_esp\t",
         "<tier><check><" OUT "/../../etc/completions/_esp-tokenctl>");
}

START_TEST(in_bash)
{
    begin_shell((const char *const[]){"bash", "--norc", "--noprofile", "-i", NULL},
                "PS1='rea''dy> '; bind 'set enable-bracketed-paste off'\r"
                ". \"$COMPLETIONS/esp-tokenctl.bash\"\r");
    common_lines();
    end_shell();
}
END_TEST

START_TEST(in_zsh)
{
    begin_shell((const char *const[]){"zsh", "-f", "-i", NULL},
                "PS1='rea''dy> '; fpath=(\"$COMPLETIONS\" $fpath); autoload -Uz compinit\r"
                "compinit -u -D; setopt no_auto_menu no_list_beep; unset zle_bracketed_paste\r");
    common_lines();
    end_shell();
}
END_TEST

/* fish has a command that prints its completions. */
START_TEST(in_fish)
{
    static const struct {
        const char *line, *expected;
    } lines[] = {
        {"esp-tokenctl enti", "entity\tadd, list, show, edit, remove\n"},
        {"esp-tokenctl entity show ac", "acme\n"},
        {"esp-tokenctl show ac", "acme/\n"},
        {"esp-tokenctl show acme/m", "acme/my website\n"},
        {"esp-tokenctl show \"acme/my w", "acme/my website\n"},
        {"esp-tokenctl show acme/zw", "acme/zwölf\n"},
        {"esp-tokenctl show acme/de --rev", "--reveal\tprint the token's text too\n"},
        {"esp-tokenctl entity add x --kind re", "reseller\n"},
    };
    setenv("ESP_TOKEN_CONFIG", with_names(), 1);
    setenv("HOME", temp_folder(), 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    char search[1024];
    snprintf(search, sizeof search, OUT ":%s", getenv("PATH"));
    setenv("PATH", search, 1);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct run run = run_process((const char *const[]){"fish", "--no-config", "-c",
                                                           "source $argv[1]; complete -C $argv[2]",
                                                           OUT "/../../etc/completions/"
                                                               "esp-tokenctl.fish",
                                                           lines[i].line, NULL},
                                     NULL);
        ck_assert_str_eq(run.err, "");
        ck_assert_str_eq(run.out, lines[i].expected);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("completion");
    TCase *tests = tcase_create("completion");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, knows_what_may_come);
    tcase_add_test(tests, of_many_names);
    tcase_add_test(tests, of_many_tokens);
    tcase_add_test(tests, in_bash);
    tcase_add_test(tests, in_zsh);
    tcase_add_test(tests, in_fish);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
