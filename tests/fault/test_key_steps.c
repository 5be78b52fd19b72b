/* SPDX-License-Identifier: ISC */
/*
 * Commands on the reveal keys are killed at each system call, or the call fails. No sealed text is
 * lost at any point, the key file does not grow with each try, and running the command again
 * completes it. The upgrade from schema 2, one small transaction, is tested the same way.
 */
#include "fault/step.h"
#include "fault/trace.h"
#include "fault/world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    enum trace_what what;
    int value;
} ways[] = {{TRACE_SIGNAL, SIGKILL}, {TRACE_FAIL, 0}, {TRACE_FAIL_DONE, EIO}};
#define WAYS (int)(sizeof ways / sizeof *ways)

static const char *folder;
static char config[256];

static void must_succeed(struct run run)
{
    ck_assert_msg(run.status == 0, "%d: %s%s", run.status, run.out, run.err);
}

/* Folders: the store after upgrade, and then after key rotate. */
static const char *upgraded, *rotated;

static void setup(void)
{
    use_memory();
    folder = temp_folder();
    snprintf(config, sizeof config, "%s/esp-token.conf", folder);
    world_copy_fixture(folder, "schema2");
}

/* Once, before all tests. */
static void prepare(void)
{
    setup();
    must_succeed(CTL(config, NULL, "upgrade"));
    upgraded = temp_folder();
    world_copy_files(folder, upgraded);
    must_succeed(CTL(config, NULL, "key", "rotate"));
    rotated = temp_folder();
    world_copy_files(folder, rotated);
}

/* Every sealed text opens, and check finds nothing else. */
static void check_all_texts(unsigned long at)
{
    struct run run = CTL(config, NULL, "check", "--texts");
    ck_assert_msg(run.status == 0, "call %lu: %s%s", at, run.out, run.err);
}

static size_t keys(void)
{
    size_t lines = 0;
    for (const char *text = file_read(in_folder(folder, "reveal.key"), NULL); *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* Status 0 and done, or status 5 and a message; a killed command gave neither. */
static void check_outcome(const struct traced *traced, const struct trace_plan *plan)
{
    if (plan->what == TRACE_SIGNAL || traced->status == 0 || trace_hit_sanitizer(traced))
        return;
    ck_assert_msg(traced->status == 5, "status %d at call %lu (%s): %s", traced->status, plan->at,
                  trace_call_name(traced->call), traced->err);
}

static struct traced interrupted_run(const struct trace_plan *plan, const char *const *args)
{
    const char *argv[8] = {ctl_path(), "-c", config};
    for (size_t i = 0; args[i] != NULL; i++)
        argv[3 + i] = args[i];
    struct traced traced = trace_run(argv, NULL, plan);
    check_outcome(&traced, plan);
    return traced;
}
#define INTERRUPTED_RUN(plan, ...) interrupted_run((plan), (const char *const[]){__VA_ARGS__, NULL})

START_TEST(upgrade_completes_when_run_again)
{
    struct trace_plan plan = {.what = ways[_i].what, .value = ways[_i].value};
    bool reached = true;
    for (plan.at = 1; reached; plan.at += fault_step()) {
        world_copy_fixture(folder, "schema2");
        struct traced traced = INTERRUPTED_RUN(&plan, "upgrade");
        struct run again = CTL(config, NULL, "upgrade");
        ck_assert_msg(again.status == 0, "again: %s", again.err);
        if (traced.status == 0)
            ck_assert_ptr_nonnull(strstr(again.out, "already"));
        ck_assert_str_eq(CTL(config, NULL, "--json", "list").out,
                         file_read("tests/fixtures/schema2/tokens.json", NULL));
        must_succeed(CTL(config, NULL, "log", "verify"));
        reached = traced.call >= 0;
        trace_free(&traced);
    }
    ck_assert_uint_gt(plan.at, 50);
}
END_TEST

START_TEST(key_rotate_loses_no_text)
{
    struct trace_plan plan = {.what = ways[_i].what, .value = ways[_i].value};
    bool reached = true;
    for (plan.at = 1; reached; plan.at += 2 * fault_step()) {
        world_copy_files(upgraded, folder);
        struct traced traced = INTERRUPTED_RUN(&plan, "key", "rotate");
        check_all_texts(plan.at);
        const size_t left = keys();
        ck_assert_uint_le(left, 2);
        must_succeed(CTL(config, NULL, "create", "north", "later"));
        struct run again = CTL(config, NULL, "key", "rotate");
        ck_assert_msg(again.status == 0 && again.err[0] == '\0', "again: %s", again.err);
        check_all_texts(plan.at);
        ck_assert_uint_le(keys(), left + 1);
        must_succeed(CTL(config, NULL, "show", "north/later", "--reveal"));
        reached = traced.call >= 0;
        trace_free(&traced);
    }
    ck_assert_uint_gt(plan.at, 50);
}
END_TEST

static const char *kept_key(void)
{
    struct run run = CTL(config, NULL, "key", "list");
    const char *line = strstr(run.out, "kept");
    ck_assert_msg(line != NULL, "%s", run.out);
    while (line > run.out && line[-1] != '\n')
        line--;
    static char id[9];
    snprintf(id, sizeof id, "%.8s", line);
    return id;
}

START_TEST(key_forget_drops_one_key_at_most)
{
    struct trace_plan plan = {.what = ways[_i].what, .value = ways[_i].value};
    bool reached = true;
    for (plan.at = 1; reached; plan.at += 2 * fault_step()) {
        world_copy_files(rotated, folder);
        const char *id = kept_key();
        struct traced traced = INTERRUPTED_RUN(&plan, "key", "forget", id, "--yes");
        check_all_texts(plan.at);
        if (traced.status == 0)
            ck_assert_uint_eq(keys(), 1);
        else if (keys() == 2)
            must_succeed(CTL(config, NULL, "key", "forget", id, "--yes"));
        ck_assert_uint_eq(keys(), 1);
        check_all_texts(plan.at);
        reached = traced.call >= 0;
        trace_free(&traced);
    }
    ck_assert_uint_gt(plan.at, 50);
}
END_TEST

static bool is_sync(void *arg, pid_t pid, long call, const unsigned long *args)
{
    (void)arg, (void)pid, (void)args;
    return call == SYS_fdatasync;
}

/* The store cannot be written: each try fails, and no try leaves one more key behind. */
START_TEST(failed_rotations_leave_no_keys)
{
    const struct trace_plan plan = {.what = TRACE_FAIL, .value = EIO, .at_call = is_sync};
    world_copy_files(upgraded, folder);
    for (int i = 0; i < 5; i++) {
        struct traced traced = INTERRUPTED_RUN(&plan, "key", "rotate");
        ck_assert_msg(trace_hit_sanitizer(&traced) || traced.status == 5, "%d: %s", traced.status,
                      traced.err);
        trace_free(&traced);
        ck_assert_uint_eq(keys(), 2);
        check_all_texts(0);
    }
    must_succeed(CTL(config, NULL, "key", "rotate"));
    ck_assert_uint_eq(keys(), 2);
    check_all_texts(0);
}
END_TEST

int main(void)
{
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("key steps");
    TCase *tests = tcase_create("steps");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, upgrade_completes_when_run_again, 0, WAYS);
    tcase_add_loop_test(tests, key_rotate_loses_no_text, 0, WAYS);
    tcase_add_loop_test(tests, key_forget_drops_one_key_at_most, 0, WAYS);
    tcase_add_test(tests, failed_rotations_leave_no_keys);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
