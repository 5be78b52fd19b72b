/* SPDX-License-Identifier: ISC */
/*
 * The reader of a command's output may stop reading (a pager, a terminal stopped by Ctrl-S). The
 * command then waits without an open transaction and without a slot in LMDB's reader table, so that
 * writers can reuse the pages that they free. Its output is still one state of the store.
 */
#include "cli/drive.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKENS 2500
#define EDITS 12
#define GROWTH_PAGES 20 /* a fifth of what that many edits take without the freed pages */
#define PIPE_BYTES 4096

static const char *config, *folder;

/* Runs once, before the tests are forked. */
static void prepare(void)
{
    config = populated(&folder);
    count_no_uses(config);
    char *tiers = file_read(in_folder(folder, "tiers.ini"), NULL);
    char *limit = strstr(tiers, "max_tokens = 5");
    ck_assert_ptr_nonnull(limit);
    char *text = NULL;
    ck_assert_int_gt(asprintf(&text, "%.*smax_tokens = unlimited%s", (int)(limit - tiers), tiers,
                              limit + strlen("max_tokens = 5")),
                     0);
    file_text(in_folder(folder, "tiers.ini"), text);
    free(text);
    FILE *names = fopen(in_folder(folder, "names"), "w");
    for (int i = 0; i < TOKENS; i++)
        fprintf(names, "token-number-%04d\n", i);
    fclose(names);
    struct run run =
        CTL(config, NULL, "create", "acme", "--from", in_folder(folder, "names"), "-q");
    ck_assert_msg(run.status == 0, "%s", run.err);
}

/* Each test has a copy. */
static void setup(void)
{
    config = copied(&folder);
}

static void edit_some(void)
{
    for (int i = 0; i < EDITS; i++) {
        struct run run = CTL(config, NULL, "edit", "zed/default", "--status",
                             i % 2 == 0 ? "inactive" : "active");
        ck_assert_msg(run.status == 0, "%s", run.err);
    }
}

static off_t store_size(void)
{
    struct stat st;
    ck_assert_int_eq(stat(in_folder(folder, "tokens.mdb"), &st), 0);
    return st.st_size;
}

static int count_line(const char *line, void *arg)
{
    (void)line;
    ++*(int *)arg;
    return 0;
}

/* Counts readers. LMDB's list has a line of headings, or a line that says there are none. */
static int readers(void)
{
    MDB_env *env;
    int lines = 0;
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_open(env, in_folder(folder, "tokens.mdb"), MDB_NOSUBDIR, 0600), 0);
    mdb_reader_list(env, count_line, &lines);
    mdb_env_close(env);
    return lines - 1;
}

static pid_t begin(const char *const *args, int stream, int end)
{
    const char *argv[16] = {ctl_path(), "-c", config};
    for (size_t i = 0; args[i] != NULL; i++)
        argv[3 + i] = args[i];
    const pid_t child = fork_child();
    if (child == 0) {
        dup2(end, stream);
        execv(argv[0], (char *const *)(void *)argv);
        _exit(127);
    }
    return child;
}

/* Waits until the process sleeps in a system call and the pipe is full. */
static void wait_until_full(int pipe_end)
{
    for (int pending = 0, before = -1;; before = pending) {
        ck_assert_int_eq(ioctl(pipe_end, FIONREAD, &pending), 0);
        if (pending > PIPE_BYTES / 2 && pending == before)
            return;
        usleep(100000);
    }
}

static char *read_all(int fd)
{
    size_t len = 0, room = 1 << 16;
    char *text = malloc(room);
    for (ssize_t got; (got = read(fd, text + len, room - len - 1)) > 0;) {
        len += (size_t)got;
        if (len + 1 == room)
            text = realloc(text, room *= 2);
    }
    text[len] = '\0';
    return text;
}

static const char *const commands[][5] = {
    {"list"},         {"--json", "list"},     {"list", "--sort", "-name"},
    {"list", "acme"}, {"--json", "log"},      {"log"},
    {"export"},       {"export", "--sealed"}, {"complete", "show", "acme/"},
};

START_TEST(nobody_reads)
{
    const char *const *args = commands[_i];
    struct run whole = run_ctl(config, NULL, args);
    ck_assert_msg(whole.status == 0, "%s", whole.err);
    ck_assert_uint_gt(strlen(whole.out), PIPE_BYTES);
    edit_some(); /* from here on each edit reuses the pages freed by the edit before the last */
    whole = run_ctl(config, NULL, args);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES), 0);
    const pid_t child = begin(args, STDOUT_FILENO, ends[1]);
    close(ends[1]);
    wait_until_full(ends[0]);
    ck_assert_int_eq(readers(), 0);
    const off_t before = store_size();
    edit_some();
    ck_assert_msg(store_size() - before < GROWTH_PAGES * 4096L, "%s: the store grew by %lld bytes",
                  args[0], (long long)(store_size() - before));
    char *out = read_all(ends[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(out, whole.out);
    free(out);
    close(ends[0]);
}
END_TEST

/* Output beyond the memory limit goes into a file without a name, or into memory if there can be no
   such file. */
START_TEST(more_than_memory)
{
    if (_i == 1)
        ck_assert_int_eq(setenv("TMPDIR", "/proc", 1), 0);
    FILE *names = fopen(in_folder(folder, "names"), "w");
    for (int i = 0; i < 8000; i++)
        fprintf(names, "a-token-with-a-rather-long-name-so-that-much-is-printed-%05d\n", i);
    fclose(names);
    struct run run =
        CTL(config, NULL, "create", "acme", "--from", in_folder(folder, "names"), "-q");
    ck_assert_msg(run.status == 0, "%s", run.err);
    json_t *list = done(CTL(config, NULL, "--json", "list"));
    ck_assert_uint_eq(json_array_size(json_object_get(list, "tokens")), TOKENS + 8000 + 3);
    json_decref(list);
}
END_TEST

/* A full device is reported, whatever was printed. */
START_TEST(full_output)
{
    char *script = NULL;
    ck_assert_int_gt(asprintf(&script, "exec %s -c %s list > /dev/full", ctl_path(), config), 0);
    struct run run = run_process((const char *const[]){"sh", "-c", script, NULL}, NULL);
    free(script);
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "No space left on device"));
}
END_TEST

/* A dry run has a write transaction open from its first line to its last. */
START_TEST(dry_run)
{
    FILE *lines = fopen(in_folder(folder, "lines"), "w");
    for (int i = 0; i < 500; i++)
        fprintf(lines,
                "{\"token\":{\"entity\":\"nobody\",\"name\":\"n%d\",\"foreign\":true,"
                "\"sha256\":\"%064d\"}}\n",
                i, i);
    fclose(lines);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES), 0);
    const pid_t child =
        begin((const char *const[]){"import", in_folder(folder, "lines"), "--dry-run", NULL},
              STDOUT_FILENO, ends[1]);
    close(ends[1]);
    wait_until_full(ends[0]);
    struct run run =
        CTL(config, NULL, "edit", "zed/default", "--status", "inactive", "--wait", "0");
    ck_assert_msg(run.status == 0, "%s", run.err);
    char *out = read_all(ends[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 3); /* as the real run */
    ck_assert_ptr_nonnull(strstr(out, "500 lines would be refused"));
    free(out);
    close(ends[0]);
}
END_TEST

/* A command that waits for a line does not hold the writers' lock, whether the earlier lines
   changed something or not. A refusal then reports how many lines are committed. */
START_TEST(nobody_writes)
{
    static const char *const kinds[][5] = {
        {"create", "acme", "--from", "-"}, {"import", "-"}, {"import", "-", "--dry-run"}};
    static const char token[] = "{\"token\":{\"entity\":\"acme\",\"name\":\"f1\",\"foreign\":true,"
                                "\"sha256\":\"%064d\"}}\n{\"tok";
    int ends[2], status;
    char text[512];
    ck_assert_int_eq(pipe(ends), 0);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    const pid_t child = begin(kinds[_i], STDIN_FILENO, ends[0]);
    close(ends[0]);
    if (_i == 0)
        snprintf(text, sizeof text, "n1\nn2\nn");
    else
        snprintf(text, sizeof text, token, 7);
    ck_assert_int_gt(write(ends[1], text, strlen(text)), 0);
    usleep(600000);
    struct run run =
        CTL(config, NULL, "edit", "zed/default", "--status", "inactive", "--wait", "0");
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = CTL(config, NULL, "show", _i == 0 ? "acme/n2" : "acme/f1");
    ck_assert_int_eq(run.status, _i == 2 ? 3 : 0);
    snprintf(text, sizeof text, "%s", _i == 0 ? "3\n" : "en\":1}\n");
    ck_assert_int_gt(write(ends[1], text, strlen(text)), 0);
    close(ends[1]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), _i == 0 ? 0 : 2);
    if (_i == 0)
        ck_assert_int_eq(CTL(config, NULL, "show", "acme/n3").status, 0);
}
END_TEST

int main(void)
{
    cheap_crypto();
    Suite *suite = suite_create("blocked output");
    TCase *tests = tcase_create("blocked output");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, nobody_reads, 0, (int)(sizeof commands / sizeof *commands));
    tcase_add_loop_test(tests, more_than_memory, 0, 2);
    tcase_add_test(tests, full_output);
    tcase_add_test(tests, dry_run);
    tcase_add_loop_test(tests, nobody_writes, 0, 3);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
