/* SPDX-License-Identifier: ISC */
/*
 * For every command that writes, and for each of its system calls in turn: the command is
 * killed at that call, or the call fails. Afterwards the change is complete or absent,
 * the store is sound, a reported success is real, and the next command works.
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

static void check_status(const struct writer *writer, const struct traced *traced, bool after,
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
    char *state = world_sound_state(world);
    const bool before = world_is_before(writer, state, states[0]),
               after = world_is_after(writer, state, states[1]);
    if (traced.status == 0 && writer->how != IN_BATCHES && strstr(traced.err, "log") == NULL)
        ck_assert_msg(strcmp(state, states[1]) == 0, "%s: reported done, and is not, at %s:\n%s",
                      writer->name, where, state);
    ck_assert_msg(before || after, "%s: half done at %s:\n%s\nbefore:\n%s", writer->name, where,
                  state, states[0]);
    check_status(writer, &traced, after, where);
    if (writer->how == IN_STEPS)
        world_check_reveals(world);
    if (plan->what != TRACE_SIGNAL) {
        ck_assert_msg(traced.status == 0 || traced.status == 5 ||
                          (traced.status == 4 && !after), /* restore found the store changed */
                      "%s: status %d at %s: %s", writer->name, traced.status, where, traced.err);
        if (traced.status == 5)
            ck_assert_msg(strncmp(traced.err, "esp-tokenctl: ", 14) == 0 ||
                              strstr(traced.err, "{\"error\":") != NULL ||
                              traced.call == 1 /* the call that prints the error message itself */,
                          "%s: no message at %s: %s", writer->name, where, traced.err);
        ck_assert_msg(before || strstr(traced.err, "nothing was") == NULL,
                      "%s: says that nothing was done, at %s: %s\n%s", writer->name, where,
                      traced.err, state);
        if (traced.status == 5 && after && !before && writer->how != IN_STEPS)
            ck_assert_msg(says_done(traced.err), "%s: refused, and done, at %s: %s", writer->name,
                          where, traced.err);
        if (traced.call != SYS_unlink && traced.call != SYS_renameat2)
            world_no_litter(world);
    }
    trace_free(&traced);
    free(state);
    world_reset(world);
}

/* Whether the plan is worth running. With threads, the system calls may come in another order than
   in the counting run. */
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

/* What a command does when nothing disturbs it. */
struct undisturbed {
    char *states[2]; /* before and after */
    struct traced counted;
};
static struct undisturbed *undisturbed; /* of each writer */

/* Once for all tests, each of which would find the same. */
static void run_undisturbed(void)
{
    struct world world;
    world_prepare();
    world_make(&world);
    undisturbed = calloc(writer_count, sizeof *undisturbed);
    ck_assert_ptr_nonnull(undisturbed);
    for (size_t i = 0; i < writer_count; i++) {
        const struct trace_plan plan = {.what = TRACE_COUNT};
        struct undisturbed *of = &undisturbed[i];
        of->states[0] = world_state(&world);
        of->counted = trace_run(world_argv(&world, writers[i].args), NULL, &plan);
        ck_assert_msg(of->counted.status == 0, "%s: %s", writers[i].name, of->counted.err);
        ck_assert_uint_gt(of->counted.calls, 20);
        of->states[1] = world_state(&world);
        world_reset(&world);
    }
    world_release();
}

static void each_call(unsigned long from, int writer_number, enum trace_what what)
{
    const struct writer *writer = &writers[writer_number];
    const struct undisturbed *of = &undisturbed[writer_number];
    struct world world;
    world_make(&world);
    struct trace_plan plan = {.what = what};
    const unsigned long stride =
        fault_step() > 1 && writer->how == GUARDS ? 9 * fault_step() : fault_step();
    for (plan.at = 1 + from % stride; plan.at <= of->counted.calls; plan.at += stride) {
        plan.value = what == TRACE_SIGNAL ? SIGKILL : what == TRACE_FAIL_DONE ? EIO : 0;
        if (applies(&of->counted, &plan))
            run_one(&world, writer, &plan, (const char *const *)of->states);
    }
}

START_TEST(killed_at_each_call)
{
    each_call((unsigned long)_i, _i, TRACE_SIGNAL);
}
END_TEST

START_TEST(each_call_fails)
{
    each_call((unsigned long)_i, _i, TRACE_FAIL);
}
END_TEST

START_TEST(each_call_done_but_reports_failure)
{
    each_call(0, _i, TRACE_FAIL_DONE);
}
END_TEST

START_TEST(each_write_is_short)
{
    each_call(0, _i, TRACE_SHORT);
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("thousands of runs: the release build's, which is what is killed in the "
         "field");
    return 77;
#endif
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    cheap_crypto();
    Suite *suite = suite_create("calls");
    TCase *tests = tcase_create("calls");
    tcase_add_unchecked_fixture(tests, run_undisturbed, NULL);
    tcase_set_timeout(tests, fault_step_limit(600));
    tcase_add_loop_test(tests, killed_at_each_call, 0, (int)writer_count);
    tcase_add_loop_test(tests, each_call_fails, 0, (int)writer_count);
    tcase_add_loop_test(tests, each_call_done_but_reports_failure, 0, (int)writer_count);
    tcase_add_loop_test(tests, each_write_is_short, 0, (int)writer_count);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
