/* SPDX-License-Identifier: ISC */
/*
 * Folding, for each of its system calls in turn: the fold is killed at that call, or
 * the call fails. Every count is shown at all times, and the next fold adds each count exactly
 * once.
 */
/* clang-format off: host.h defines what the others only declare */
#include "abi/host.h"
/* clang-format on */

#include "fault/step.h"
#include "fault/trace.h"
#include "fault/world.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

static struct world world;

static struct text prepare(void)
{
    world_make(&world);
    config = world.config;
    host_load();
    return text_in(DO("show", "zed/default", "--reveal"));
}

/* Uses the token `uses` times, in turn in three contexts that are open at once, and closes them. */
static void count_some(const struct text *text, int uses)
{
    espt_ctx *open[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(plugin->open(&open[i], config, NULL, NULL, NULL, 0), 1);
    for (int i = 0; i < uses; i++) {
        ctx = open[i % 3];
        ck_assert_int_eq(verdict(text), ESPT_ALLOW);
    }
    for (int i = 0; i < 3; i++)
        plugin->close(open[i]);
}

static void check_uses(unsigned long uses, const char *where)
{
    char line[64];
    snprintf(line, sizeof line, "\"uses\": %lu", uses);
    const char *out = DO("--json", "show", "zed/default");
    ck_assert_msg(strstr(out, line) != NULL, "not %lu uses at %s: %s", uses, where, out);
}

static void none_left(const char *where)
{
    DIR *names = opendir(in_folder(world.folder, "usage"));
    ck_assert_ptr_nonnull(names);
    for (struct dirent *entry; (entry = readdir(names)) != NULL;)
        ck_assert_msg(entry->d_name[0] == '.', "%s is left at %s", entry->d_name, where);
    closedir(names);
}

static void each_call(enum trace_what what, int value)
{
    static const char *const args[] = {"usage", "fold", NULL};
    const struct text text = prepare();
    unsigned long uses = 1, calls = 1; /* the usage file of the shared store */
    for (unsigned long at = 1; at <= calls; at += fault_step()) {
        char where[64];
        struct trace_plan plan = {.what = TRACE_COUNT};
        count_some(&text, 7);
        uses += 7;
        if (at == 1) {
            struct traced counted = trace_run(world_argv(&world, args), NULL, &plan);
            ck_assert_int_eq(counted.status, 0);
            calls = counted.calls;
            ck_assert_uint_gt(calls, 40);
            trace_free(&counted);
            count_some(&text, 7);
            uses += 7;
        }
        plan = (struct trace_plan){.what = what, .at = at, .value = value};
        struct traced traced = trace_run(world_argv(&world, args), NULL, &plan);
        snprintf(where, sizeof where, "call %lu (%s)", at, trace_call_name(traced.call));
        trace_free(&traced);
        check_uses(uses, where);
        /* a host starts and ends before the next fold: it must not count in a file that nobody
           reads */
        count_some(&text, 3);
        uses += 3;
        check_uses(uses, where);
        DO("usage", "fold");
        check_uses(uses, where);
        none_left(where);
    }
    DO("--json", "check");
}

START_TEST(killed_at_each_call)
{
    each_call(TRACE_SIGNAL, SIGKILL);
}
END_TEST

START_TEST(each_call_fails)
{
    each_call(TRACE_FAIL, EIO);
}
END_TEST

static bool is_unlink(void *arg, pid_t pid, long call, const unsigned long *args)
{
    (void)arg, (void)pid, (void)args;
    return call == SYS_unlinkat;
}

/* A file that was folded but still exists is recognised as folded, whatever the next fold fails to
   read; otherwise its counts would be added twice. */
START_TEST(each_call_fails_after_a_killed_fold)
{
    static const char *const args[] = {"usage", "fold", NULL};
    const struct text text = prepare();
    struct traced traced = {.call = 0};
    const struct trace_plan kill = {.what = TRACE_SIGNAL, .value = SIGKILL, .at_call = is_unlink};
    unsigned long uses = 1;
    for (unsigned long at = 1; traced.call >= 0; at += fault_step()) {
        char where[64];
        count_some(&text, 5);
        traced = trace_run(world_argv(&world, args), NULL, &kill);
        ck_assert_int_eq(traced.status, 128 + SIGKILL);
        trace_free(&traced);
        count_some(&text, 3);
        uses += 8;
        traced = trace_run(world_argv(&world, args), NULL,
                           &(struct trace_plan){.what = TRACE_FAIL, .at = at});
        snprintf(where, sizeof where, "call %lu (%s)", at, trace_call_name(traced.call));
        trace_free(&traced);
        DO("usage", "fold");
        check_uses(uses, where);
        none_left(where);
    }
}
END_TEST

int main(void)
{
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("fold");
    TCase *tests = tcase_create("fold");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, killed_at_each_call);
    tcase_add_test(tests, each_call_fails);
    tcase_add_test(tests, each_call_fails_after_a_killed_fold);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
