/* SPDX-License-Identifier: ISC */
/* Bulk creation, export and import: many lines in few transactions, and always a report of the last
   committed line. */
#include "cli/drive.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *config, *folder;

static void setup(void)
{
    config = populated(&folder);
}

static const char *file_of(const char *name, const char *text)
{
    char *path = keep_string(strdup(in_folder(folder, name)));
    file_text(path, text);
    return path;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

/* --- create --- */

START_TEST(tokens_from_a_file)
{
    const char *names = file_of("names", "one\n\ntwo\r\nthree");
    struct run run = CTL(config, NULL, "create", "acme", "--from", names, "-q");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_uint_eq(count_lines(run.out), 3);
    char first[64] = "";
    snprintf(first, sizeof first, "%.*s", (int)strcspn(run.out, "\n"), run.out);
    ck_assert_str_eq(revealed(config, "acme/one"), first);
    run = CTL(config, "four\n", "--json", "create", "acme", "--from", "-");
    json_t *json = document(run.out);
    HAS_KEYS(json, TOKEN_KEYS, "token");
    json_decref(json);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* acme is advanced: at most five tokens. The lines before the refused one are committed, and the
   message says so. */
START_TEST(a_refused_line_ends_it)
{
    const char *names = file_of("names", "a\nb\nc\nd\ne\nf\n");
    struct run run = CTL(config, NULL, "create", "acme", "--from", names);
    ck_assert_int_eq(run.status, 4);
    ck_assert_uint_eq(count_lines(run.out), 4);
    ck_assert_ptr_nonnull(strstr(run.err, "names:5: "));
    ck_assert_ptr_nonnull(
        strstr(run.err, "account manager; 4 created; lines up to 4 are committed"));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/d").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/e").status, 3);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* The output cannot be written: the tokens are created, and the message says so. */
START_TEST(nowhere_to_print)
{
    const char *names = file_of("names", "a\nb\n");
    const char *const argv[] = {
        "sh",       "-c",   "exec \"$0\" -c \"$1\" create acme --from \"$2\" >/dev/full",
        ctl_path(), config, names,
        NULL};
    struct run run = run_process(argv, NULL);
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "standard output: No space left on device"));
    ck_assert_ptr_nonnull(strstr(run.err, "the committed changes remain"));
    ck_assert_ptr_nonnull(strstr(run.err, "lines up to 2 are committed; resume at line 3"));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/b").status, 0);
}
END_TEST

START_TEST(entities_from_a_file)
{
    const char *lines = file_of("entities", "north reseller - advanced\n"
                                            "  east  customer north  \n"
                                            "west\tcustomer\t-\tlite\n");
    struct run run = CTL(config, NULL, "--json", "entity", "add", "--from", lines);
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_uint_eq(count_lines(run.out), 3);
    run.out[strcspn(run.out, "\n")] = '\0';
    json_t *json = document(run.out);
    HAS_KEYS(json, "entity", "token");
    HAS_KEYS(json_object_get(json, "entity"), ENTITY_KEYS);
    json_decref(json);
    json = done(CTL(config, NULL, "--json", "entity", "show", "east"));
    ck_assert_str_eq(text_of(json, "reseller"), "north");
    ck_assert_str_eq(text_of(json, "tier"), "lite");
    json_decref(json);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    /* each bad line is refused by its number */
    ck_assert_int_eq(CTL(config, "x\n", "entity", "add", "--from", "-").status, 2);
    ck_assert_int_eq(CTL(config, "x what\n", "entity", "add", "--from", "-").status, 2);
    ck_assert_int_eq(CTL(config, "x customer - - -\n", "entity", "add", "--from", "-").status, 2);
    ck_assert_int_eq(CTL(config, "x customer nobody\n", "entity", "add", "--from", "-").status, 3);
    ck_assert_int_eq(CTL(config, "zed customer\n", "entity", "add", "--from", "-").status, 4);
    ck_assert_int_eq(
        CTL(config, "x customer bolt advanced\n", "entity", "add", "--from", "-").status, 4);
    ck_assert_int_eq(CTL(config, "x customer\n", "entity", "add", "x", "--from", "-").status, 2);
    ck_assert_int_eq(
        CTL(config, "x customer\n", "entity", "add", "--from", "-", "--tier", "lite").status, 2);
    ck_assert_int_eq(CTL(config, NULL, "entity", "add", "--from", "/nowhere").status, 5);
    ck_assert_int_eq(CTL(config, NULL, "entity", "show", "x").status, 3);
}
END_TEST

/* Wherever an interrupt comes, the store holds exactly the printed tokens. */
START_TEST(an_interrupt_tells_how_far)
{
    int in[2], out = open(in_folder(folder, "out"), O_RDWR | O_CREAT, 0600);
    int errors = open(in_folder(folder, "errors"), O_RDWR | O_CREAT, 0600);
    ck_assert_int_eq(pipe(in), 0);
    /* the counts of an ended host are folded at the end: one more transaction */
    validate_once(config, revealed(config, "acme/default"));
    pid_t child = fork();
    if (child == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        dup2(errors, STDERR_FILENO);
        close(in[1]);
        execl(ctl_path(), ctl_path(), "-c", config, "entity", "add", "--from", "-", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    dprintf(in[1], "a customer\nb customer\nc customer\n");
    usleep(300000); /* the lines are added, and the command waits for the fourth */
    kill(child, SIGINT);
    int status;
    waitpid(child, &status, 0);
    close(in[1]);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGINT);
    const char *said = file_read(in_folder(folder, "errors"), NULL);
    ck_assert_msg(strstr(said, "interrupted; 3 created; lines up to 3 are committed") != NULL, "%s",
                  said);
    ck_assert_uint_eq(count_lines(file_read(in_folder(folder, "out"), NULL)), 3);
    ck_assert_int_eq(CTL(config, NULL, "entity", "show", "c").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    close(out);
    close(errors);
}
END_TEST

/* --- export and import --- */

static const char *exported(const char *from)
{
    struct run run = CTL(from, NULL, "export", "--sealed");
    ck_assert_msg(run.status == 0, "%s", run.err);
    return run.out;
}

static void take_key(const char *to)
{
    size_t len;
    const char *key = file_read(in_folder(folder, "reveal.key"), &len);
    file_write(in_folder(to, "reveal.key"), key, len, 0600);
}

START_TEST(a_round_trip_is_exact)
{
    const char *other;
    ck_assert_int_eq(
        CTL(config, NULL, "create", "acme", "na\xc3\xafve", "--expires", "never").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/default").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", "zed/default", "--status", "inactive").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "bolt", "--status", "inactive").status, 0);
    const char *lines = exported(config), *to = store_folder(&other);
    ck_assert_ptr_null(strstr(lines, TEXT_PATTERN));
    struct run run = CTL(to, lines, "import", "-");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_str_eq(exported(to), lines);
    ck_assert_str_eq(lists_of(to), lists_of(config));
    /* no key of the other store opens the texts: import warns, and check finds them */
    ck_assert_ptr_nonnull(strstr(run.err, "of the imported texts"));
    ck_assert_int_eq(CTL(to, NULL, "check").status, 1);
    /* the same import again: nothing new */
    run = CTL(to, lines, "--json", "import", "-");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "\"tokens\": 0"));
    /* with the same key, the same texts */
    char *text = strdup(revealed(config, "acme/default"));
    take_key(other);
    ck_assert_str_eq(revealed(to, "acme/default"), text);
    ck_assert_int_eq(CTL(to, NULL, "check").status, 0);
    free(text);
}
END_TEST

/* Without the sealed texts the tokens work, but their texts cannot be shown. */
START_TEST(without_texts)
{
    struct run lines = CTL(config, NULL, "export");
    ck_assert_int_eq(lines.status, 0);
    ck_assert_ptr_null(strstr(lines.out, "\"sealed\":\""));
    const char *to = store_folder(NULL);
    ck_assert_int_eq(CTL(to, lines.out, "import", "-").status, 0);
    struct run verdict = CTL(to, revealed(config, "zed/default"), "verify");
    ck_assert_int_eq(verdict.status, 0);
    ck_assert_int_eq(CTL(to, NULL, "show", "zed/default", "--reveal").status, 4);
    ck_assert_int_eq(CTL(to, NULL, "check").status, 0);
}
END_TEST

static const char *const bad_lines[] = {
    "nonsense",
    "[]",
    "{\"entity\":{\"name\":\"x\",\"kind\":\"customer\"}}",
    "{\"entity\":{\"name\":\"x\",\"kind\":\"other\",\"tier\":\"lite\"}}",
    "{\"entity\":{\"name\":\"x y\",\"kind\":\"customer\",\"tier\":\"lite\"}}",
    "{\"entity\":{\"name\":\"x\",\"kind\":\"customer\",\"tier\":\"lite\",\"more\":1}}",
    "{\"entity\":{\"name\":\"x\",\"kind\":\"customer\",\"tier\":\"lite\",\"reseller\":\"zed\"}}",
    "{\"entity\":{\"name\":\"zed\",\"kind\":\"reseller\",\"tier\":\"lite\"}}",
    "{\"entity\":{\"name\":\"x\",\"kind\":\"customer\",\"tier\":\"lite\",\"created\":\"90d\"}}",
    "{\"token\":{\"entity\":\"zed\",\"name\":\"x\",\"sha256\":\"00\"}}",
    "{\"token\":{\"id\":\"00000000001\",\"entity\":\"nobody\",\"name\":\"x\",\"sha256\":"
    "\"0000000000000000000000000000000000000000000000000000000000000000\"}}",
    "{\"token\":{\"id\":\"00000000001\",\"entity\":\"zed\",\"name\":\"default\",\"sha256\":"
    "\"0000000000000000000000000000000000000000000000000000000000000000\"}}",
    "{\"token\":{\"id\":\"zzzzzzzzzzz\",\"entity\":\"zed\",\"name\":\"x\",\"sha256\":"
    "\"0000000000000000000000000000000000000000000000000000000000000000\"}}",
    "{\"token\":{\"id\":\"00000000001\",\"entity\":\"zed\",\"name\":\" x\",\"retiring\":true,"
    "\"expires\":\"2099-01-01T00:00:00Z\",\"sha256\":"
    "\"0000000000000000000000000000000000000000000000000000000000000000\"}}",
    "{\"token\":{\"foreign\":true,\"entity\":\"zed\",\"name\":\"x\",\"sha256\":"
    "\"0000000000000000000000000000000000000000000000000000000000000000\"}}", /* zed is full */
};

/* Each line is refused alone. A dry run reports all of them. */
START_TEST(bad_lines_are_refused)
{
    const char *before = snapshot(config);
    char all[8192] = "{\"entity\":{\"name\":\"good\",\"kind\":\"customer\",\"tier\":\"lite\"}}\n";
    const size_t count = sizeof bad_lines / sizeof *bad_lines;
    for (size_t i = 0; i < count; i++) {
        struct run run = CTL(config, bad_lines[i], "import", "-");
        ck_assert_msg(run.status >= 2 && run.status <= 4, "%s: %d", bad_lines[i], run.status);
        strncat(all, bad_lines[i], sizeof all - strlen(all) - 2);
        strncat(all, "\n", 2);
    }
    struct run run = CTL(config, all, "--json", "import", "-", "--dry-run");
    ck_assert_int_eq(run.status, 2); /* as the real run */
    json_t *json = document(run.out);
    json_t *refused = json_object_get(json_object_get(json, "imported"), "refused");
    ck_assert_uint_eq(json_array_size(refused), count);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(refused, 0), "line")), 2);
    json_decref(json);
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

/* The lines before a refused one are committed. After a correction, the same file can be imported
   again. */
START_TEST(an_import_goes_on)
{
    static const char first[] =
        "{\"entity\":{\"name\":\"x\",\"kind\":\"customer\",\"tier\":\"lite\"}}\n";
    char lines[1024];
    snprintf(lines, sizeof lines, "%snonsense\n", first);
    struct run run = CTL(config, lines, "import", "-");
    ck_assert_int_eq(run.status, 2);
    ck_assert_ptr_nonnull(strstr(run.err, "standard input:2: "));
    ck_assert_int_eq(CTL(config, NULL, "entity", "show", "x").status, 0);
    snprintf(lines, sizeof lines,
             "%s{\"entity\":{\"name\":\"y\",\"kind\":\"customer\",\"tier\":\"lite\"}}\n", first);
    run = CTL(config, lines, "--json", "import", "-");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "\"there_already\": 1"));
}
END_TEST

/* A file of token texts given as names is refused: the secrets would appear in every list. */
START_TEST(secrets_are_no_names)
{
    const char *text = revealed(config, "acme/default");
    const char *before = snapshot(config);
    char lines[8][512];
    snprintf(lines[0], sizeof lines[0], "%s customer\n", text);
    snprintf(lines[1], sizeof lines[1],
             "{\"entity\":{\"name\":\"%s\",\"kind\":\"customer\",\"tier\":\"lite\"}}\n", text);
    for (int i = 0; i < 2; i++)
        snprintf(lines[2 + i], sizeof lines[2 + i],
                 "{\"token\":{\"id\":\"00000000001\",\"entity\":\"acme\",\"name\":\"a %s\","
                 "\"retiring\":%s,\"expires\":\"2099-01-01T00:00:00Z\",\"sha256\":"
                 "\"0000000000000000000000000000000000000000000000000000000000000000\"}}\n",
                 text, i == 0 ? "false" : "true");
    const struct run runs[] = {
        CTL(config, text, "create", "acme", "--from", "-"),
        CTL(config, lines[0], "entity", "add", "--from", "-"),
        CTL(config, lines[1], "import", "-"),
        CTL(config, lines[2], "import", "-"),
        CTL(config, lines[3], "import", "-"),
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        ck_assert_msg(runs[i].status == 2, "%zu: %d %s", i, runs[i].status, runs[i].err);
        ck_assert_ptr_nonnull(strstr(runs[i].err, "a name must not contain a token's text"));
        ck_assert_ptr_null(strstr(runs[i].err, text));
    }
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

/* With --json, warnings are documents too. */
START_TEST(warnings_in_their_form)
{
    static const char foreign[] =
        "{\"entity\":{\"name\":\"x\",\"kind\":\"customer\",\"tier\":\"lite\"}}\n"
        "{\"token\":{\"foreign\":true,\"entity\":\"x\",\"name\":\"old\",\"sha256\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\",\"expires\":null}}\n";
    const char *to = store_folder(NULL);
    struct run run = CTL(to, foreign, "--json", "import", "-");
    ck_assert_int_eq(run.status, 0);
    json_t *json = document(run.err);
    ck_assert_ptr_nonnull(
        strstr(text_of(json_object_get(json, "warning"), "message"), "1 foreign token imported"));
    json_decref(json);
    to = store_folder(NULL);
    ck_assert_int_eq(strncmp(CTL(to, foreign, "import", "-").err, "esp-tokenctl: 1 foreign", 23),
                     0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("many");
    TCase *tcase = tcase_create("lines");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, tokens_from_a_file);
    tcase_add_test(tcase, a_refused_line_ends_it);
    tcase_add_test(tcase, nowhere_to_print);
    tcase_add_test(tcase, entities_from_a_file);
    tcase_add_test(tcase, an_interrupt_tells_how_far);
    tcase_add_test(tcase, a_round_trip_is_exact);
    tcase_add_test(tcase, without_texts);
    tcase_add_test(tcase, bad_lines_are_refused);
    tcase_add_test(tcase, an_import_goes_on);
    tcase_add_test(tcase, warnings_in_their_form);
    tcase_add_test(tcase, secrets_are_no_names);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
