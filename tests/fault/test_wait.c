/* SPDX-License-Identifier: ISC */
/* A writer that waits for another writer says so, and --wait limits how long it waits. */
#include "fault/step.h"
#include "fault/trace.h"
#include "fault/world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct world world;

static void setup(void)
{
    world_make(&world);
}

static struct run run(const char *const *args)
{
    return run_process(world_argv(&world, args), NULL);
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static struct running start(const char *const *args)
{
    return run_start(world_argv(&world, args), NULL);
}
#define START(...) start((const char *const[]){__VA_ARGS__, NULL})

/* Holds a lock that a command needs. */
static int hold(const char *suffix)
{
    char path[600];
    snprintf(path, sizeof path, "%s%s", world.store, suffix);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static bool is_free(const char *suffix)
{
    char path[600];
    snprintf(path, sizeof path, "%s%s", world.store, suffix);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return true;
    bool taken = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return taken;
}

START_TEST(waits_no_longer_than_the_limit)
{
    const char *const locks[] = {".writer", "-lock"};
    char *before = world_state(&world);
    for (size_t i = 0; i < 2; i++) {
        int fd = hold(locks[i]);
        struct run at_once = RUN("--wait", "0", "create", "acme", "third");
        ck_assert_int_eq(at_once.status, 5);
        ck_assert_ptr_nonnull(strstr(at_once.err, "nothing was changed"));
        ck_assert_ptr_null(strstr(at_once.err, "waiting"));
        time_t begun = time(NULL);
        struct run later = RUN("create", "acme", "third", "--wait=2");
        ck_assert_int_eq(later.status, 5);
        ck_assert_int_ge(time(NULL) - begun, 1);
        ck_assert_str_eq(later.out, "");
        close(fd);
    }
    char *after = world_state(&world);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
}
END_TEST

START_TEST(reports_the_wait_after_a_second)
{
    int fd = hold(".writer");
    pid_t child = fork();
    if (child == 0) { /* the child shares the lock; it ends now */
        usleep(2500000);
        _exit(0);
    }
    close(fd);
    struct run waited = RUN("create", "acme", "third");
    ck_assert_msg(waited.status == 0, "%s", waited.err);
    ck_assert_str_eq(waited.err,
                     "esp-tokenctl: waiting for another esp-tokenctl that is writing\n");
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_str_eq(RUN("edit", "acme/third", "--name", "fourth").err, "");
}
END_TEST

START_TEST(readers_wait_for_no_writer)
{
    int fd = hold(".writer");
    ck_assert_int_eq(RUN("--wait", "0", "list").status, 0);
    ck_assert_int_eq(RUN("--wait", "0", "entity", "show", "acme").status, 0);
    ck_assert_int_eq(RUN("--wait", "0", "check").status, 0);
    ck_assert_int_eq(RUN("--wait", "0", "verify").status, 1);
    close(fd);
}
END_TEST

START_TEST(invalid_limits)
{
    static const char *const odd[] = {"-1", "1s", "86401", "99999999999999999999", " 1", "+1"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        ck_assert_int_eq(RUN("list", "--wait", odd[i]).status, 2);
    ck_assert_int_eq(RUN("list", "--wait", "86400").status, 0);
}
END_TEST

/* The locks that the writer holds at each of its calls: bit 0 the gate, bit 1 the writers' lock. */
struct locks {
    unsigned long calls;
    unsigned char held[TRACE_CALLS_MAX + 2];
};

static unsigned held_now(void)
{
    return (is_free("-lock") ? 0 : 1) | (is_free(".writer") ? 0 : 2);
}

static bool note_locks(void *arg, pid_t pid, long call, const unsigned long *args)
{
    struct locks *locks = arg;
    (void)pid, (void)call, (void)args;
    ck_assert_uint_lt(locks->calls, TRACE_CALLS_MAX);
    locks->held[++locks->calls] = (unsigned char)held_now();
    return false;
}

/* The first and last calls with the same locks are always tried; of the calls between them, more
   while a lock is held, because only then another process can be affected. */
static bool is_tried(const struct locks *locks, unsigned long at)
{
    const unsigned held = locks->held[at];
    return fault_step() == 1 || at > locks->calls || held != locks->held[at - 1] ||
           held != locks->held[at + 1] || at % (held != 0 ? 4 : 12) == 0;
}

/* A writer is stopped at each of its calls: another writer waits no longer than its limit, and a
   list or a validator does not wait at all. A wait for LMDB's own mutexes would never end. */
START_TEST(writer_stopped_at_each_call)
{
    const struct writer *writer = &writers[6]; /* create */
    struct locks locks = {0};
    struct trace_plan plan = {.what = TRACE_COUNT, .at_call = note_locks, .arg = &locks};
    struct traced counted = trace_run(world_argv(&world, writer->args), NULL, &plan);
    ck_assert_int_eq(counted.status, 0);
    trace_free(&counted);
    plan = (struct trace_plan){.what = TRACE_SIGNAL, .value = SIGSTOP};
    unsigned long refused = 0, tried = 0;
    bool stopped = true;
    while (stopped) {
        if (!is_tried(&locks, ++plan.at))
            continue;
        world_reset(&world);
        struct traced traced = trace_run(world_argv(&world, writer->args), NULL, &plan);
        const bool gate = is_free("-lock"), writes = is_free(".writer");
        struct run other = RUN("--wait", "0", "edit", "mid/default", "--status", "inactive");
        const struct running both[] = {START("--wait", "0", "list"), START("verify")};
        struct run list = run_finish(&both[0]), verify = run_finish(&both[1]);
        ck_assert_msg(other.status == (gate && writes ? 0 : 5), "call %lu: %s", plan.at, other.err);
        ck_assert_msg(list.status == 0, "call %lu: %s", plan.at, list.err);
        ck_assert_msg(verify.status == 1, "call %lu: %s", plan.at, verify.err);
        refused += other.status == 5;
        tried++;
        stopped = traced.status == -1;
        if (stopped)
            trace_kill(&traced);
        else
            ck_assert_int_eq(traced.status, 0);
        trace_free(&traced);
        free(world_sound_state(&world));
    }
    ck_assert_uint_gt(plan.at, 50);
    ck_assert_uint_gt(tried, 15);
    ck_assert_uint_gt(refused, 10);
}
END_TEST

int main(void)
{
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("wait");
    TCase *tests = tcase_create("wait");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, waits_no_longer_than_the_limit);
    tcase_add_test(tests, reports_the_wait_after_a_second);
    tcase_add_test(tests, readers_wait_for_no_writer);
    tcase_add_test(tests, invalid_limits);
    if (FAULT_STEP_DEFAULT < 97)
        tcase_add_test(tests, writer_stopped_at_each_call);
    else
        puts("SKIPPED writer_stopped_at_each_call: hundreds of runs, too slow with a sanitizer");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
