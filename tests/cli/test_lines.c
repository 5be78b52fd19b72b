/* SPDX-License-Identifier: ISC */
/* Files of lines: comments, blank lines and byte-order marks; dry runs; messages about wrong lines
   of an import; and repeated imports. */
#include "cli/drive.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOM "\xef\xbb\xbf"

static const char *config, *folder;

static void setup(void)
{
    config = populated(&folder);
}

static bool holds(const char *token)
{
    return CTL(config, NULL, "show", token).status == 0;
}

/* --- what is skipped --- */

START_TEST(comments_and_marks)
{
    struct run run = CTL(config, BOM "# names\n\n \t\none\n  # more\ntwo\r\n#three\n", "create",
                         "acme", "--from", "-", "-q");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert(holds("acme/one") && holds("acme/two") && !holds("acme/#three"));
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "#three").status, 0);
    /* only the first line has a mark */
    run = CTL(config, BOM "x\n" BOM "x\n", "create", "acme", "--from", "-", "--dry-run");
    ck_assert_ptr_null(strstr(run.out, "2: acme has a token of that name"));
    run = CTL(config, BOM "north reseller\n# south reseller\neast customer north # x\n", "entity",
              "add", "--from", "-");
    ck_assert_int_eq(run.status, 2);
    ck_assert_ptr_nonnull(strstr(run.err, "standard input:3: not a line of NAME KIND"));
    ck_assert_ptr_nonnull(
        strstr(run.err, "1 created; lines up to 2 are committed; resume at line 3"));
    run = CTL(config,
              BOM "# an export\n\n{\"entity\":{\"name\":\"west\",\"kind\":\"customer\","
                  "\"tier\":\"lite\"}}\n",
              "import", "-");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(CTL(config, NULL, "entity", "show", "west").status, 0);
    const char *utf16 = in_folder(folder, "utf16");
    file_write(utf16, "\xff\xfex\0\n\0", 6, 0600);
    run = CTL(config, NULL, "create", "acme", "--from", utf16);
    ck_assert_msg(run.status == 2 && strstr(run.err, "it is UTF-16; save it as UTF-8") != NULL,
                  "%s", run.err);
    file_write(utf16, "\xfe\xff\0x\0\n", 6, 0600);
    run = CTL(config, NULL, "import", utf16);
    ck_assert_msg(run.status == 2 && strstr(run.err, "it is UTF-16; save it as UTF-8") != NULL,
                  "%s", run.err);
}
END_TEST

/* Each other text file that the program reads may begin with a mark, too. */
START_TEST(marks_in_other_files)
{
    char path[512], text[4096];
    const char *token = revealed(config, "zed/default");
    snprintf(text, sizeof text, BOM "%s\r\n", token);
    ck_assert_int_eq(CTL(config, text, "verify").status, 0);
    static const char *const files[] = {"reveal.key", "reveal.pub", "tiers.ini", "esp-token.conf"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s", in_folder(folder, files[i]));
        snprintf(text, sizeof text, BOM "%s", file_read(path, NULL));
        file_write(path, text, strlen(text), i == 0 ? 0600 : 0644);
    }
    ck_assert_str_eq(revealed(config, "zed/default"), token);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "second").status, 0);
    snprintf(path, sizeof path, "%s", in_folder(folder, "words"));
    file_write(path, BOM "pass phrase\r\n", 16, 0600);
    ck_assert_int_eq(CTL(config, NULL, "key", "passphrase", "--new-passphrase-file", path).status,
                     0);
    file_write(path, "pass phrase", 11, 0600);
    ck_assert_int_eq(
        CTL(config, NULL, "show", "zed/default", "--reveal", "--passphrase-file", path).status, 0);
    snprintf(path, sizeof path, "%s", in_folder(folder, "b.mdb"));
    ck_assert_int_eq(CTL(config, NULL, "backup", path).status, 0);
    strcat(path, ".manifest");
    snprintf(text, sizeof text, BOM "%s", file_read(path, NULL));
    file_text(path, text);
    path[strlen(path) - strlen(".manifest")] = '\0';
    ck_assert_int_eq(CTL(config, NULL, "restore", path, "--yes").status, 0);
}
END_TEST

/* --- dry runs --- */

static const struct dry {
    const char *args[4], *lines;
    int status;
    const char *says, *total;  /* text output */
    const char *list, *counts; /* with --json */
    size_t refused;
} dries[] = {
    {{"create", "acme"},
     "a\nb\n",
     0,
     "",
     "would create 2 tokens; 0 lines would be refused\n",
     "created",
     "tokens",
     0},
    {{"create", "acme"},
     "a\nb\nc\nd\ne\nf\n",
     4,
     "\n6: acme has 5 of the 5 tokens",
     "would create 4 tokens; 2 lines would be refused\n",
     "created",
     "tokens",
     2},
    {{"create", "acme"},
     " a\nb\nb\n",
     2,
     "1: not a token name",
     "1 token; 2 lines would be refused\n",
     "created",
     "tokens",
     2},
    {{"create", "none"},
     "# x\na\n",
     3,
     "2: there is no such entity",
     "would create 0 tokens; 1 line would be refused\n",
     "created",
     "tokens",
     1},
    {{"entity", "add"},
     "n reseller\nm customer n\nn customer\n",
     4,
     "3: entity n exists already",
     "would create 2 entities; 1 line would be refused\n",
     "created",
     "entities",
     1},
    {{"entity", "add"},
     "n\n",
     2,
     "1: not a line of NAME KIND",
     "would create 0 entities; 1 line would be refused\n",
     "created",
     "entities",
     1},
    {{"import"},
     "{\"entity\":{}}\n",
     2,
     "1: entity: \"name\" is missing",
     "would import 0 entities and 0 tokens; 0 were there before; 1 line would be refused\n",
     "imported",
     "entities",
     1},
};

/* Every line is checked, nothing is changed, and the status is that of the real run. */
START_TEST(dry_runs)
{
    const struct dry *dry = &dries[_i];
    const char *const from = strcmp(dry->args[0], "import") == 0 ? "--wait=30" : "--from";
    const char *args[10] = {"--json"};
    size_t n = 1;
    for (size_t i = 0; dry->args[i] != NULL; i++)
        args[n++] = dry->args[i];
    args[n++] = from;
    args[n++] = "-";
    args[n++] = "--dry-run";
    const char *before = snapshot(config);
    struct run run = run_ctl(config, dry->lines, args + 1);
    ck_assert_msg(run.status == dry->status, "%d: %s%s", run.status, run.out, run.err);
    ck_assert_int_eq(strstr(run.err, "would be refused; nothing was changed") != NULL,
                     run.status != 0);
    ck_assert_ptr_null(strstr(run.out, TEXT_PATTERN));
    ck_assert_msg(strstr(run.out, dry->says) != NULL && strstr(run.out, dry->total) != NULL, "%s",
                  run.out);
    run = run_ctl(config, dry->lines, args);
    ck_assert_int_eq(run.status, dry->status);
    json_t *json = document(run.out);
    const json_t *list = json_object_get(json, dry->list);
    ck_assert_uint_eq(json_array_size(json_object_get(list, "refused")), dry->refused);
    ck_assert(json_is_true(json_object_get(list, "dry_run")));
    ck_assert(json_is_integer(json_object_get(list, dry->counts)));
    json_decref(json);
    ck_assert_str_eq(snapshot(config), before);
    args[n - 1] = NULL; /* the real run */
    run = run_ctl(config, dry->lines, args + 1);
    ck_assert_int_eq(run.status, dry->status);
}
END_TEST

START_TEST(dry_run_needs_lines)
{
    const char *before = snapshot(config);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "x", "--dry-run").status, 2);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "add", "x", "--kind", "customer", "--dry-run").status, 2);
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

START_TEST(totals)
{
    struct run run = CTL(config, "a\nb\n", "create", "acme", "--from", "-");
    ck_assert_ptr_nonnull(strstr(run.err, "esp-tokenctl: created 2 tokens\n"));
    run = CTL(config, "c\n", "create", "acme", "--from", "-", "-q");
    ck_assert_str_eq(run.err, "");
    run = CTL(config, "n reseller\n", "--json", "entity", "add", "--from", "-");
    ck_assert_str_eq(run.err, "");
    run = CTL(config, "m reseller\n", "entity", "add", "--from", "-");
    ck_assert_ptr_nonnull(strstr(run.err, "esp-tokenctl: created 1 entity\n"));
}
END_TEST

/* --- nothing is held while the input is slow --- */

START_TEST(a_slow_list_of_tokens)
{
    int in[2], status;
    ck_assert_int_eq(pipe(in), 0);
    fcntl(in[1], F_SETFD, FD_CLOEXEC);
    pid_t child = fork_child();
    if (child == 0) {
        dup2(in[0], STDIN_FILENO);
        execl(ctl_path(), ctl_path(), "-c", config, "edit", "--from", "-", "--note", "slow",
              (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    dprintf(in[1], "zed/default\nacme/def");
    ck_assert_int_eq(CTL(config, NULL, "edit", "zed/default", "--note", "x", "--wait", "0").status,
                     0);
    dprintf(in[1], "ault\n");
    close(in[1]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    json_t *json = done(CTL(config, NULL, "--json", "show", "acme/default"));
    ck_assert_str_eq(text_of(json, "note"), "slow");
    json_decref(json);
}
END_TEST

/* --- what is wrong with a line of an import --- */

#define SUM "\"sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define SECRET "a-secret-of-another-system-42"

static const struct {
    const char *line, *words;
} wrongs[] = {
    {SECRET, "not JSON, at column 1: '[' or '{' expected"},
    {"{\"entity\":{\"name\":\"" SECRET "\",}}", "not JSON, at column 51: string or '}' expected"},
    {"{\"entity\":{\"name\":\"" SECRET "}}", "not JSON, at column"},
    {"{\"entity\":{\"name\":\"secret}}", "not JSON, at column"},
    {"secretly", "not JSON, at column"},
    {"{\"token\":{}} " SECRET, "not JSON, at column 14: end of file expected"},
    {"{\"token\":{\"name\":\"a\",\"name\":\"b\"}}", "duplicate object key"},
    {"{\"token\":{\"name\":\"a\\u0000\"}}", "a text with \\u0000, at column"},
    {"{\"token\":{\"nam\":\"a\"}}", "token: 'nam': no such field; remove it"},
    {"{\"token\":{\"" SECRET "\":\"a\"}}", "token: no such field; remove it"},
    {"{\"token\":{\"name\":7}}", "token: \"name\" is not a text"},
    {"{\"token\":{\"name\":\"a\",\"entity\":\"acme\"}}", "token: \"sha256\" is missing"},
    {"{\"token\":{\"name\":\"a\",\"entity\":\"acme\"," SUM "}}",
     "token: \"id\" is missing; only a line"},
    {"{\"token\":{\"id\":\"" SECRET "\",\"name\":\"a\",\"entity\":\"acme\"," SUM "}}",
     "token: \"id\" is not an id of 11"},
    {"{\"token\":{\"foreign\":\"yes\",\"name\":\"a\"}}", "token: \"foreign\" is not true or false"},
    {"{\"token\":{\"foreign\":true,\"name\":\"a\",\"entity\":\"acme\",\"expires\":\"tomorrow\"," SUM
     "}}",
     "token: \"expires\" is not an RFC 3339 time"},
    {"{\"token\":{\"foreign\":true,\"name\":\"a\",\"entity\":\"acme\",\"expires\":7," SUM "}}",
     "token: \"expires\" is not a text or null"},
    {"{\"token\":{\"foreign\":true,\"name\":\"a\",\"entity\":\"acme\",\"key\":\"00000001\"," SUM
     "}}",
     "token: \"key\" is given without \"sealed\""},
    {"{\"token\":{\"foreign\":true,\"name\":\"a\",\"entity\":\"acme\",\"off_by\":\"platform\"," SUM
     "}}",
     "token: \"off_by\" is given, but the status is active"},
    {"{\"token\":\"" SECRET "\"}", "token: not an object"},
    {"{\"entity\":{},\"token\":{}}", "not a line of an export; write {\"entity\""},
    {"[]", "not a line of an export; write {\"entity\""},
    {"{\"export\":\"esp-token\",\"version\":9}", "an export of another version"},
};

START_TEST(wrong_lines)
{
    const char *before = snapshot(config);
    char lines[1024];
    snprintf(lines, sizeof lines, "# x\n%s\n", wrongs[_i].line);
    struct run run = CTL(config, lines, "import", "-");
    ck_assert_int_eq(run.status, 2);
    ck_assert_msg(strstr(run.err, "standard input:2: ") != NULL &&
                      strstr(run.err, wrongs[_i].words) != NULL,
                  "%s", run.err);
    ck_assert_msg(strstr(run.err, "secret") == NULL, "%s", run.err);
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

/* --- repeated imports --- */

static json_int_t imported(const char *lines, const char *count)
{
    json_t *json = done(CTL(config, lines, "--json", "import", "-"));
    const json_int_t number =
        json_integer_value(json_object_get(json_object_get(json, "imported"), count));
    json_decref(json);
    return number;
}

static const char foreign[] =
    "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"old\"," SUM "}}\n";

/* A foreign token without an expiration gets default_expiry, with a warning. Importing the line
   again changes nothing. */
START_TEST(a_foreign_token_again)
{
    struct run run = CTL(config, foreign, "import", "-");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(
        strstr(run.err, "without \"expires\" imported: it got the configuration's"));
    json_t *json = done(CTL(config, NULL, "--json", "show", "acme/old"));
    ck_assert(json_is_string(json_object_get(json, "expires")));
    json_decref(json);
    const char *before = snapshot(config);
    ck_assert_int_eq(imported(foreign, "there_already"), 1);
    ck_assert_str_eq(snapshot(config), before);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/old").status, 0);
    before = snapshot(config);
    ck_assert_int_eq(imported(foreign, "rotated_since"), 1);
    run = CTL(config, foreign, "import", "-");
    ck_assert_ptr_nonnull(strstr(run.out, "1 was there before, and 1 of them rotated since"));
    ck_assert_str_eq(run.err, ""); /* no second warning */
    ck_assert_str_eq(snapshot(config), before);
    /* once the old secret has ended, the line would bring it back */
    ck_assert_int_eq(CTL(config, NULL, "retire", "acme/old").status, 0);
    before = snapshot(config);
    run = CTL(config, foreign, "import", "-");
    ck_assert_int_eq(run.status, 4);
    ck_assert_ptr_nonnull(strstr(run.err, "was rotated since an earlier import, remove the line"));
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

START_TEST(an_export_again)
{
    struct run lines = CTL(config, NULL, "export");
    ck_assert_int_eq(CTL(config, NULL, "rotate", "zed/default").status, 0);
    ck_assert_int_eq(imported(lines.out, "there_already"), 6);
    ck_assert_int_eq(imported(lines.out, "rotated_since"), 1);
    lines = CTL(config, NULL, "export");
    ck_assert_int_eq(imported(lines.out, "there_already"), 7);
    ck_assert_int_eq(imported(lines.out, "rotated_since"), 0);
    /* after another change the line no longer describes the token, and is refused */
    ck_assert_int_eq(CTL(config, NULL, "rotate", "bolt/default").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--status", "inactive").status, 0);
    ck_assert_int_eq(CTL(config, lines.out, "import", "-").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

int main(void)
{
    cheap_crypto();
    Suite *suite = suite_create("lines");
    TCase *tcase = tcase_create("lines");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, comments_and_marks);
    tcase_add_test(tcase, marks_in_other_files);
    tcase_add_loop_test(tcase, dry_runs, 0, (int)(sizeof dries / sizeof *dries));
    tcase_add_test(tcase, dry_run_needs_lines);
    tcase_add_test(tcase, totals);
    tcase_add_test(tcase, a_slow_list_of_tokens);
    tcase_add_loop_test(tcase, wrong_lines, 0, (int)(sizeof wrongs / sizeof *wrongs));
    tcase_add_test(tcase, a_foreign_token_again);
    tcase_add_test(tcase, an_export_again);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
