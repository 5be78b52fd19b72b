/* SPDX-License-Identifier: ISC */
/*
 * Two containers share one store, and each has a process with the same number. LMDB identifies
 * readers by process number, and lets only one of the two register. Neither readers nor writers
 * wait for a reader in the other container, however long it reads.
 */
#include "cli/drive.h"

#include <errno.h>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *config, *folder;

static void setup(void)
{
    config = populated(&folder);
}

static const char *const unshare_root[] = {"unshare", "--pid", "--fork", "--kill-child", NULL};
static const char *const unshare_user[] = {
    "unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", NULL};

static const char *const *unshare_words(void)
{
    return geteuid() == 0 ? unshare_root : unshare_user;
}

/* The command line of esp-tokenctl as process 1 of its own PID namespace. */
static const char *const *apart(const char *const *args)
{
    static const char *argv[32];
    size_t count = 0;
    for (const char *const *word = unshare_words(); *word != NULL; word++)
        argv[count++] = *word;
    argv[count++] = ctl_path();
    argv[count++] = "-c";
    argv[count++] = config;
    for (; *args != NULL; args++)
        argv[count++] = *args;
    argv[count] = NULL;
    return argv;
}
#define APART(...) run_process(apart((const char *const[]){__VA_ARGS__, NULL}), NULL)

static bool can_unshare(void)
{
    return system(geteuid() == 0 ? "unshare --pid --fork --kill-child true 2>/dev/null"
                                 : "unshare --user --map-root-user --pid --fork --kill-child true "
                                   "2>/dev/null") == 0;
}

static void every_command_works(void)
{
    static const char *const commands[][8] = {
        {"edit", "zed/default", "--status", "inactive", "--wait", "2"},
        {"list", "--wait", "2"},
        {"--json", "log", "--wait", "2"},
        {"create", "acme", "second", "--wait", "2"},
        {"show", "acme/second", "--reveal", "--wait", "2"},
        {"rotate", "acme/second", "--wait", "2"},
        {"remove", "acme/second", "--yes", "--wait", "2"},
        {"check", "--wait", "2"},
        {"entity", "edit", "bolt", "--status", "inactive", "--wait", "2"},
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct run run = run_process(apart(commands[i]), NULL);
        ck_assert_msg(run.status == 0, "%s %s: status %d: %s", commands[i][0], commands[i][1],
                      run.status, run.err);
    }
    char *backup = keep_string(strdup(in_folder(folder, "backup.mdb")));
    struct run run = APART("backup", backup, "--wait", "2");
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = APART("restore", backup, "--yes", "--wait", "2");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}

START_TEST(beside_a_follower)
{
    int ends[2];
    char line[4096];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork_child();
    if (child == 0) {
        const char *const *argv = apart((const char *const[]){"log", "--follow", NULL});
        dup2(ends[1], STDOUT_FILENO);
        execvp(argv[0], (char *const *)(void *)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, out)); /* the follower has read the store */
    every_command_works();
    kill(child, SIGKILL); /* --kill-child ends its child, too */
    waitpid(child, NULL, 0);
    fclose(out);
}
END_TEST

/* Runs as process 1 of another namespace, and stays within a read transaction. */
static void hold_a_slot(int told)
{
    MDB_env *env;
    MDB_txn *txn;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool held = getpid() == 1 && mdb_env_create(&env) == 0 &&
                      mdb_env_set_mapsize(env, 1 << 26) == 0 &&
                      mdb_env_open(env, in_folder(folder, "tokens.mdb"), MDB_NOSUBDIR, 0600) == 0 &&
                      mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0;
    if (write(told, held ? "y" : "n", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

START_TEST(beside_a_reader_that_stays)
{
    int ends[2];
    char answer = 'n';
    if (geteuid() != 0) {
        puts("SKIPPED beside_a_reader_that_stays: needs root");
        return;
    }
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork_child();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWPID) != 0)
            _exit(1);
        const pid_t first = fork();
        if (first == 0)
            hold_a_slot(ends[1]);
        waitpid(first, NULL, 0);
        _exit(0);
    }
    ck_assert_int_eq(read(ends[0], &answer, 1), 1);
    ck_assert_int_eq(answer, 'y');
    every_command_works();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}
END_TEST

int main(void)
{
    if (!can_unshare()) {
        puts("SKIPPED: no PID namespace can be made here");
        return 77;
    }
    Suite *suite = suite_create("namespaces");
    TCase *tests = tcase_create("namespaces");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, beside_a_follower);
    tcase_add_test(tests, beside_a_reader_that_stays);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
