/* SPDX-License-Identifier: ISC */
/*
 * `restore` puts another file in the store's place while another command waits for the writers'
 * lock, and while a host answers. Whatever happens to `restore`, the changes that the other command
 * reported are in the live store, and the host never answers from the old file once `restore` has
 * returned.
 */
#include "abi/host.h"
#include "fault/step.h"
#include "fault/trace.h"
#include "fault/world.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct world world;

static void setup(void)
{
    world_make(&world);
    folder = world.folder;
    config = world.config;
}

static void path_behind(pid_t pid, unsigned long fd, char *ret_path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, (int)fd);
    ssize_t len = readlink(link, ret_path, size - 1);
    ret_path[len > 0 ? len : 0] = '\0';
}

static bool is_about(pid_t pid, unsigned long fd, const char *pattern)
{
    char path[4096];
    path_behind(pid, fd, path, sizeof path);
    return fnmatch(pattern, path, 0) == 0;
}

/* --- a command that waits for the lock that restore holds --- */

static const char *const create_args[] = {"-q", "create", "acme", "waited", NULL};

struct waiter {
    const char *const *args;
    bool locked; /* restore holds the writers' lock */
    unsigned long begun_at;
    unsigned long calls; /* calls of restore so far */
    pid_t pid;
    int out;
};

/* The other command has opened the store and asks for the lock. */
static bool waits(pid_t pid)
{
    char exe[64], program[4096] = "";
    snprintf(exe, sizeof exe, "/proc/%d/exe", (int)pid);
    ssize_t len = readlink(exe, program, sizeof program - 1);
    if (len < 0 || fnmatch("*/esp-tokenctl", program, 0) != 0)
        return false; /* a fork of the test, which has its descriptors */
    for (unsigned long fd = 3; fd < 16; fd++) {
        if (is_about(pid, fd, "*/tokens.mdb.writer"))
            return true;
    }
    return false;
}

static void start_waiter(struct waiter *waiter)
{
    int ends[2];
    const char *const *argv = world_argv(&world, waiter->args);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    waiter->pid = fork_child();
    if (waiter->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execv(argv[0], (char *const *)(void *)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    waiter->out = ends[0];
    for (int i = 0; !waits(waiter->pid); i++) {
        ck_assert_int_lt(i, 20000);
        usleep(500);
    }
}

static bool at_call(void *arg, pid_t pid, long call, const unsigned long *args)
{
    struct waiter *waiter = arg;
    waiter->calls++;
    if (waiter->locked && waiter->pid == 0) {
        waiter->begun_at = waiter->calls;
        start_waiter(waiter);
    }
    if (call == SYS_flock && (args[1] & LOCK_EX) != 0 && is_about(pid, args[0], "*.writer") &&
        !is_about(pid, args[0], "*.new-*"))
        waiter->locked = true;
    return false;
}

static int end_waiter(struct waiter *waiter, char *ret_out, size_t size)
{
    int status;
    size_t len = 0;
    ssize_t got;
    while (len < size - 1 && (got = read(waiter->out, ret_out + len, size - 1 - len)) > 0)
        len += (size_t)got;
    ret_out[len] = '\0';
    close(waiter->out);
    ck_assert_int_eq(waitpid(waiter->pid, &status, 0), waiter->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* A change that was reported as done is in the live store and visible to its hosts. */
START_TEST(killed_while_another_waits)
{
    const char *const restore[] = {"restore", "@backup.mdb", "--yes", NULL};
    struct waiter waiter = {.args = create_args};
    struct trace_plan plan = {.what = TRACE_COUNT, .at_call = at_call, .arg = &waiter};
    char out[256];
    struct traced counted = trace_run(world_argv(&world, restore), NULL, &plan);
    ck_assert_msg(counted.status == 0, "%s", counted.err);
    const unsigned long first = waiter.begun_at, last = counted.calls;
    ck_assert_int_eq(end_waiter(&waiter, out, sizeof out), 0);
    ck_assert_msg(last > first + 50, "%lu calls from %lu on", last, first);
    trace_free(&counted);
    plan.what = TRACE_SIGNAL;
    plan.value = SIGKILL;
    /* every call of the replacement itself, which comes last, and some calls before it */
    for (plan.at = first; plan.at <= last; plan.at += plan.at + 60 >= last ? 1 : fault_step()) {
        world_reset(&world);
        waiter = (struct waiter){.args = create_args};
        struct traced traced = trace_run(world_argv(&world, restore), NULL, &plan);
        const char *name = trace_call_name(traced.call);
        if (waiter.pid == 0) {
            trace_free(&traced);
            continue;
        }
        const int status = end_waiter(&waiter, out, sizeof out);
        ck_assert_msg(status == 0, "create: status %d, restore killed at call %lu (%s)", status,
                      plan.at, name);
        struct run verify = CTL(config, out, "verify");
        ck_assert_msg(verify.status == 0,
                      "a token that is not in the store: restore killed at "
                      "call %lu of %lu (%s): %s%s",
                      plan.at, last, name, verify.out, verify.err);
        struct run check = CTL(config, NULL, "check");
        ck_assert_msg(check.status == 0, "call %lu (%s): %s%s", plan.at, name, check.out,
                      check.err);
        trace_free(&traced);
    }
}
END_TEST

/* --- a reading command that runs for long --- */

static bool renames_again(void *arg, pid_t pid, long call, const unsigned long *args)
{
    unsigned *renames = arg;
    (void)pid, (void)args;
    *renames += call == SYS_renameat2;
    return *renames == 2;
}

static pid_t start_follower(void)
{
    const char *const *argv = world_argv(&world, (const char *const[]){"log", "--follow", NULL});
    pid_t child = fork_child();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDOUT_FILENO);
        execv(argv[0], (char *const *)(void *)(uintptr_t)argv);
        _exit(127);
    }
    usleep(500000);
    return child;
}

/* restore is killed after it put the new file in place, while the lock file still describes the old
   one and a long-running reader holds it. The reader notices that and releases it. */
START_TEST(killed_beside_a_long_reader)
{
    unsigned renames = 0;
    const struct trace_plan plan = {
        .what = TRACE_SIGNAL, .value = SIGKILL, .at_call = renames_again, .arg = &renames};
    pid_t follower = start_follower();
    struct traced traced = trace_run(
        world_argv(&world, (const char *const[]){"restore", "@backup.mdb", "--yes", NULL}), NULL,
        &plan);
    ck_assert_int_eq(traced.status, 128 + SIGKILL);
    const char *const *commands[] = {(const char *const[]){"list", NULL},
                                     (const char *const[]){"create", "acme", "x", NULL},
                                     (const char *const[]){"check", NULL}};
    for (size_t i = 0; i < 3; i++) {
        struct run run = run_process(world_argv(&world, commands[i]), NULL);
        ck_assert_msg(run.status == 0, "%s: %d %s", commands[i][0], run.status, run.err);
    }
    ck_assert_int_eq(kill(follower, SIGKILL), 0);
    ck_assert_int_eq(waitpid(follower, NULL, 0), follower);
    trace_free(&traced);
}
END_TEST

/* If the lock file is removed, another writer can lock a new one. */
START_TEST(lock_file_removed_meanwhile)
{
    char path[600], out[256];
    struct waiter waiter = {.args = create_args};
    snprintf(path, sizeof path, "%s.writer", world.store);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    char *before = world_state(&world);
    start_waiter(&waiter);
    ck_assert_int_eq(unlink(path), 0);
    close(fd);
    ck_assert_int_eq(end_waiter(&waiter, out, sizeof out), 5);
    ck_assert_str_eq(out, "");
    char *after = world_state(&world);
    ck_assert_str_eq(after, before);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "x").status, 0);
    free(before);
    free(after);
}
END_TEST

/* --- a host that answers during restore --- */

struct hosting {
    const struct text *text; /* of a token not in the backup; NULL: do not ask */
    enum { MARK_FAILS, OLD_DOES_NOT_OPEN, FOLDER_SYNC_FAILS, LAST_WAYS } way;
    bool came;
};

/* The test makes the host check the files before each call of restore, so the host does no check by
   itself in the second that follows. */
static bool fails_here(void *arg, pid_t pid, long call, const unsigned long *args)
{
    struct hosting *hosting = arg;
    bool here = false;
    if (hosting->text != NULL)
        (void)verdict(hosting->text);
    switch (hosting->way) {
    case MARK_FAILS:
        here = (call == SYS_pwrite64 || call == SYS_writev || call == SYS_pwritev ||
                call == SYS_fdatasync) &&
               is_about(pid, args[0], "*/tokens.mdb.20*");
        break;
    case FOLDER_SYNC_FAILS:
        here = call == SYS_fsync && is_about(pid, args[0], "*/espt-test-??????");
        break;
    default:
        break;
    }
    hosting->came = hosting->came || here;
    return here;
}

static void damage_log(void)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi main;
    MDB_val key = {5, (void *)(uintptr_t) "state"}, value;
    uint8_t bytes[RECORD_MAX];
    struct state_record state;
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, TABLE_COUNT), 0);
    ck_assert_int_eq(mdb_env_open(env, world.store, MDB_NOSUBDIR, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    MDB_dbi log;
    ck_assert_int_eq(mdb_dbi_open(txn, table_name(TABLE_LOG), MDB_INTEGERKEY, &log), 0);
    ck_assert_int_eq(mdb_drop(txn, log, 1), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &main), 0);
    ck_assert_int_eq(mdb_get(txn, main, &key, &value), 0);
    ck_assert_int_eq(state_decode(value.mv_data, value.mv_size, &state), STATE_GOOD);
    state.transaction = mdb_txn_id(txn);
    state.nonce++;
    state.revision++;
    value = (MDB_val){state_encode(&state, bytes), bytes};
    ck_assert_int_eq(mdb_put(txn, main, &key, &value, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

START_TEST(no_answer_from_the_old_store)
{
    struct hosting hosting = {.way = _i};
    const struct text text = text_in(DO("-q", "create", "acme", "later"));
    hosting.text = &text;
    if (hosting.way == OLD_DOES_NOT_OPEN)
        damage_log();
    host_load();
    host_open();
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    const struct trace_plan plan = {
        .what = TRACE_FAIL, .value = EIO, .at_call = fails_here, .arg = &hosting};
    struct traced traced = trace_run(
        world_argv(&world, (const char *const[]){"restore", "@backup.mdb", "--yes", NULL}), NULL,
        &plan);
    const int status = verdict(&text);
    ck_assert_msg(hosting.way == OLD_DOES_NOT_OPEN || hosting.came, "nothing failed");
    if (hosting.way == FOLDER_SYNC_FAILS)
        ck_assert_msg(traced.status == 5 && strstr(traced.err, "is done") != NULL, "%d %s",
                      traced.status, traced.err);
    else
        ck_assert_msg(traced.status == 0, "%d %s", traced.status, traced.err);
    ck_assert_msg(status == ESPT_DENY_UNKNOWN, "way %d: the host still says %s", _i,
                  plugin->reason(status));
    trace_free(&traced);
    plugin->close(ctx);
}
END_TEST

/* A host that changed its root folder cannot compare the path; it uses the link count of its open
   file. */
START_TEST(no_answer_in_another_root)
{
    int ask[2];
    char c;
    int status;
    if (geteuid() != 0) {
        puts("SKIPPED: chroot needs root");
        return;
    }
    const struct text text = text_in(DO("-q", "create", "acme", "later"));
    ck_assert_int_eq(pipe2(ask, O_CLOEXEC), 0);
    const char *jail = temp_folder();
    pid_t child = fork_child();
    if (child == 0) {
        close(ask[1]);
        host_load();
        host_open();
        if (chroot(jail) != 0 || chdir("/") != 0 || verdict(&text) != ESPT_ALLOW)
            _exit(100);
        _exit(read(ask[0], &c, 1) == 1 ? verdict(&text) : 101);
    }
    close(ask[0]);
    usleep(300000); /* the host has opened the store */
    struct hosting hosting = {.way = MARK_FAILS};
    const struct trace_plan plan = {
        .what = TRACE_FAIL, .value = EIO, .at_call = fails_here, .arg = &hosting};
    struct traced traced = trace_run(
        world_argv(&world, (const char *const[]){"restore", "@backup.mdb", "--yes", NULL}), NULL,
        &plan);
    ck_assert_msg(traced.status == 0 && hosting.came, "%d %s", traced.status, traced.err);
    ck_assert_int_eq(write(ask[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_msg(WEXITSTATUS(status) == ESPT_ERR_UNAVAILABLE, "it says %d", WEXITSTATUS(status));
    /* the old store is kept, and complete except for the mark of closure */
    const char *kept = strstr(traced.out, "kept as ");
    ck_assert_ptr_nonnull(kept);
    ck_assert_ptr_nonnull(strstr(traced.err, "could not be marked as replaced"));
    char path[512];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(kept + 8, "\n"), kept + 8);
    struct run run = CTL(config, NULL, "restore", path, "--yes", "--no-manifest");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/later").status, 0);
    trace_free(&traced);
}
END_TEST

/* The revision never falls, even if it cannot be read, and even the second time. */
START_TEST(the_revision_never_falls)
{
    espt_result result;
    uint64_t last = 0;
    const struct text text = text_in(DO("show", "acme/default", "--reveal"));
    char name[16];
    host_load();
    host_open();
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "b%d.mdb", i);
        const char *file = keep_string(strdup(in_folder(folder, name)));
        DO("backup", file);
        for (int n = 0; n < 9; n++)
            DO("entity", "edit", "zed", "--status", n % 2 == 0 ? "inactive" : "active");
        ck_assert_int_eq(validate_now(&text, NULL, NULL, 0, &result), ESPT_ALLOW);
        ck_assert_uint_gt(result.revision, last);
        last = result.revision;
        damage_log();
        ck_assert_int_eq(CTL(config, NULL, "list").status, 5);
        DO("restore", file, "--yes");
        ck_assert_int_eq(validate_now(&text, NULL, NULL, 0, &result), ESPT_ALLOW);
        ck_assert_msg(result.revision > last, "round %d: %llu after %llu", i,
                      (unsigned long long)result.revision, (unsigned long long)last);
        last = result.revision;
    }
    plugin->close(ctx);
}
END_TEST

int main(void)
{
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("replaced");
    TCase *tests = tcase_create("replaced");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, killed_while_another_waits);
    tcase_add_test(tests, killed_beside_a_long_reader);
    tcase_add_test(tests, lock_file_removed_meanwhile);
    tcase_add_loop_test(tests, no_answer_from_the_old_store, 0, LAST_WAYS);
    tcase_add_test(tests, no_answer_in_another_root);
    tcase_add_test(tests, the_revision_never_falls);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
