/*
 * Every command that writes, with each of its system calls in turn the last that it makes, or one
 * that fails: the change is whole or absent, the store whole, what was reported done is done, and
 * what follows works.
 */
#include "fault/trace.h"
#include "fault/world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* One call in FAULT_STEP is tried (1: every one), others for each command. */
static unsigned long step(void)
{
    const char *text = getenv("FAULT_STEP");
    unsigned long n = text != NULL ? strtoul(text, NULL, 10) : FAULT_STEP_DEFAULT;
    return n > 0 ? n : 1;
}

static void judge_status(const struct writer *writer, const struct traced *traced, bool after,
                         const char *where)
{
    if (traced->status == 0)
        ck_assert_msg(after, "%s: reported done, and is not, at %s", writer->name, where);
    if (traced->out_len > 0)
        ck_assert_msg(after, "%s: printed, and nothing was done, at %s: %s", writer->name, where,
                      traced->out);
}

static void run_one(const struct world *world, const struct writer *writer,
                    const struct trace_plan *plan, const char *const states[2])
{
    char where[128];
    struct traced traced = trace_run(world_argv(world, writer->args), NULL, plan);
    snprintf(where, sizeof where, "call %lu (%s), plan %d", plan->at, trace_call_name(traced.call),
             (int)plan->what);
    char *state = world_judge(world);
    const bool before = world_is_before(writer, state, states[0]),
               after = world_is_after(writer, state, states[1]);
    if (traced.status == 0 && writer->how != IN_BATCHES && strstr(traced.err, "log") == NULL)
        ck_assert_msg(strcmp(state, states[1]) == 0, "%s: reported done, and is not, at %s:\n%s",
                      writer->name, where, state);
    ck_assert_msg(before || after, "%s: half done at %s:\n%s\nbefore:\n%s", writer->name, where,
                  state, states[0]);
    judge_status(writer, &traced, after, where);
    if (writer->how == IN_STEPS)
        world_reveals(world);
    if (plan->what != TRACE_SIGNAL) {
        ck_assert_msg(traced.status == 0 || traced.status == 5 ||
                          (traced.status == 4 && !after), /* to restore, a store that was changed */
                      "%s: status %d at %s: %s", writer->name, traced.status, where, traced.err);
        if (traced.status == 5)
            ck_assert_msg(strncmp(traced.err, "esp-tokenctl: ", 14) == 0 ||
                              strncmp(traced.err, "{\"error\":", 9) == 0 ||
                              traced.call == 1 /* write to standard error itself */,
                          "%s: no message at %s: %s", writer->name, where, traced.err);
        ck_assert_msg(before || strstr(traced.err, "nothing was") == NULL,
                      "%s: says that nothing was done, at %s: %s\n%s", writer->name, where,
                      traced.err, state);
        if (traced.status == 5 && after && !before && writer->how != IN_STEPS)
            ck_assert_msg(strstr(traced.err, "is done") != NULL ||
                              strstr(traced.err, "is made") != NULL,
                          "%s: refused, and done, at %s: %s", writer->name, where, traced.err);
        if (traced.call != SYS_unlink && traced.call != SYS_renameat2)
            world_no_litter(world);
    }
    trace_free(&traced);
    free(state);
    world_reset(world);
}

/* Whether it is worth a run: calls of threads may come in another order then. */
static bool applies(const struct traced *counted, const struct trace_plan *plan)
{
    const long call = counted->made[plan->at - 1];
    switch (plan->what) {
    case TRACE_FAIL:
        return trace_call_error(call) != 0;
    case TRACE_FAIL_DONE:
        return trace_call_fails_late(call);
    case TRACE_SHORT:
        return trace_call_writes(call);
    default:
        return true;
    }
}

static void each_call(unsigned long from, const struct writer *writer, enum trace_what what)
{
    struct world world;
    world_make(&world);
    char *states[2] = {world_state(&world), world_state_after(&world, writer)};
    struct trace_plan plan = {.what = TRACE_COUNT};
    struct traced counted = trace_run(world_argv(&world, writer->args), NULL, &plan);
    ck_assert_msg(counted.status == 0, "%s", counted.err);
    ck_assert_uint_gt(counted.calls, 20);
    world_reset(&world);
    plan.what = what;
    const unsigned long stride = step() > 1 && writer->how == GUARDS ? 9 * step() : step();
    for (plan.at = 1 + from % stride; plan.at <= counted.calls; plan.at += stride) {
        plan.value = what == TRACE_SIGNAL ? SIGKILL : what == TRACE_FAIL_DONE ? EIO : 0;
        if (applies(&counted, &plan))
            run_one(&world, writer, &plan, (const char *const *)states);
    }
    trace_free(&counted);
    free(states[0]);
    free(states[1]);
}

START_TEST(killed)
{
    each_call((unsigned long)_i, &writers[_i], TRACE_SIGNAL);
}
END_TEST

START_TEST(failed)
{
    each_call((unsigned long)_i, &writers[_i], TRACE_FAIL);
}
END_TEST

START_TEST(failed_though_done)
{
    each_call(0, &writers[_i], TRACE_FAIL_DONE);
}
END_TEST

START_TEST(cut_short)
{
    each_call(0, &writers[_i], TRACE_SHORT);
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("thousands of runs: the release build's, which is what is killed in the field");
    return 77;
#endif
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("calls");
    TCase *tests = tcase_create("calls");
    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, killed, 0, (int)writer_count);
    tcase_add_loop_test(tests, failed, 0, (int)writer_count);
    tcase_add_loop_test(tests, failed_though_done, 0, (int)writer_count);
    tcase_add_loop_test(tests, cut_short, 0, (int)writer_count);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
