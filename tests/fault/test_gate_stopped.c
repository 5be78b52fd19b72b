/* SPDX-License-Identifier: ISC */
/*
 * An esp-tokenctl is stopped at each call during which it holds the gate: reading commands do not
 * wait for it. test_gate tests the rest.
 */
#include "fault/gate.h"
#include "fault/trace.h"

#include <signal.h>

#define STEP (FAULT_STEP_DEFAULT < 97 ? 1 : 7)

/* A writer and a reader, each stopped at each call during which it holds the gate. */
static const char *const stopped[][4] = {{"create", "acme", "third"}, {"list"}};

/* Which calls of the process are made while it holds the gate. */
struct in_gate {
    unsigned long calls;
    bool held[TRACE_CALLS_MAX + 1];
};

static bool note_gate(void *arg, pid_t pid, long call, const unsigned long *args)
{
    struct in_gate *in_gate = arg;
    (void)pid, (void)call, (void)args;
    ck_assert_uint_lt(in_gate->calls, TRACE_CALLS_MAX);
    /* is_free() would make the file, which the process may do with other calls */
    in_gate->held[++in_gate->calls] =
        access(in_folder(world.folder, "tokens.mdb-lock"), F_OK) == 0 && !is_free();
    return false;
}

START_TEST(stopped_in_the_gate)
{
    struct in_gate in_gate = {0};
    struct trace_plan plan = {.what = TRACE_COUNT, .at_call = note_gate, .arg = &in_gate};
    unsigned times = 0;
    const struct run before = RUN("list");
    world_reset(&world);
    struct traced counted = trace_run(world_argv(&world, stopped[_i]), NULL, &plan);
    ck_assert_msg(counted.status == 0, "%s", counted.err);
    trace_free(&counted);
    plan = (struct trace_plan){.what = TRACE_SIGNAL, .value = SIGSTOP, .at = 1};
    bool reached = true;
    for (; reached; plan.at += times > 0 ? STEP : 1) {
        /* the last run is one call too far */
        if (plan.at <= in_gate.calls && !in_gate.held[plan.at])
            continue;
        world_reset(&world);
        struct traced traced = trace_run(world_argv(&world, stopped[_i]), NULL, &plan);
        reached = traced.status == -1;
        if (reached && !is_free()) {
            const struct running both[] = {start(0), start(times++ % READERS)};
            struct run list = run_finish(&both[0]), other = run_finish(&both[1]);
            ck_assert_msg(list.status == 0 && other.status == 0, "call %lu: %s%s", plan.at,
                          list.err, other.err);
            ck_assert_msg(strcmp(list.out, before.out) == 0 || strstr(list.out, "third") != NULL,
                          "call %lu: %s", plan.at, list.out);
        }
        if (reached)
            trace_kill(&traced);
        trace_free(&traced);
    }
    ck_assert_uint_gt(times, 15 / STEP);
    nothing_left();
}
END_TEST

int main(void)
{
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("gate_stopped");
    TCase *tests = tcase_create("gate_stopped");
    tcase_set_timeout(tests, 300);
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, stopped_in_the_gate, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
