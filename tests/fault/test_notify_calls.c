/* SPDX-License-Identifier: ISC */
/*
 * notify is killed at each of its system calls, or the call fails. No notice is lost, one at most
 * is sent twice, what was printed as sent is not sent again, and the store is sound.
 */
#include "fault/step.h"
#include "fault/trace.h"
#include "fault/world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DUE 2
static const char *const due[DUE] = {"acme/second", "zed/default"};
static const char *const notify[] = {"notify", NULL};

static struct world world;
static const char *received; /* the file to which the program adds each document */

/* Gives the world two tokens that expire soon, and the program. */
static void make(void)
{
    char *text = NULL;
    const char *folder = temp_folder();
    world_make(&world);
    received = keep_string(strdup(in_folder(folder, "received")));
    ck_assert_int_gt(asprintf(&text, "#!/bin/sh\nexec cat >>%s\n", received), 0);
    file_write(in_folder(folder, "program"), text, strlen(text), 0755);
    free(text);
    ck_assert_int_gt(asprintf(&text, "%s\n[notify]\ncommand = %s\n", file_read(world.config, NULL),
                              in_folder(folder, "program")),
                     0);
    file_text(world.config, text);
    free(text);
    for (size_t i = 0; i < DUE; i++)
        ck_assert_int_eq(
            CTL(world.config, NULL, "edit", due[i], "--expires", i == 0 ? "20d" : "5d").status, 0);
    ck_assert_str_eq(world.file[0].name, "tokens.mdb");
    world.file[0].data = file_read(world.store, &world.file[0].len);
}

static size_t lines_with(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = text; at != NULL && (at = strstr(at, word)) != NULL; at++)
        count++;
    return count;
}

/* How many documents about the token the program got. */
static size_t received_about(const char *token)
{
    char word[64];
    const char *slash = strchr(token, '/');
    snprintf(word, sizeof word, "\"entity\":{\"name\":\"%.*s\"", (int)(slash - token), token);
    return lines_with(file_read(received, NULL), word);
}

static void try_at(const struct trace_plan *plan)
{
    size_t printed[DUE], all = 0;
    char where[128];
    world_reset(&world);
    file_text(received, "");
    struct traced traced = trace_run(world_argv(&world, notify), NULL, plan);
    snprintf(where, sizeof where, "call %lu (%s), plan %d, status %d: %s", plan->at,
             trace_call_name(traced.call), (int)plan->what, traced.status, traced.err);
    if (plan->what != TRACE_SIGNAL)
        ck_assert_msg(traced.status == 0 || traced.status == 5, "%s", where);
    for (size_t i = 0; i < DUE; i++) {
        printed[i] = lines_with(traced.out, due[i]);
        ck_assert_msg(printed[i] == 0 || received_about(due[i]) > 0, "printed, not sent: %s",
                      where);
    }
    free(world_sound_state(&world));
    struct run run = run_process(world_argv(&world, notify), NULL);
    ck_assert_msg(run.status == 0, "%s, then: %s", where, run.err);
    for (size_t i = 0; i < DUE; i++) {
        const size_t count = received_about(due[i]);
        ck_assert_msg(count > 0, "%s was lost: %s", due[i], where);
        ck_assert_msg(printed[i] == 0 || count == 1, "%s: printed, and sent again: %s", due[i],
                      where);
        all += count;
    }
    ck_assert_msg(all <= DUE + 1, "%zu notices of %d: %s", all, DUE, where);
    run = run_process(world_argv(&world, notify), NULL);
    ck_assert_msg(strstr(run.out, "no notices are due") != NULL, "%s: %s", where, run.out);
    trace_free(&traced);
}

static void each_call(struct trace_plan plan)
{
    const struct trace_plan only_counts = {.what = TRACE_COUNT};
    make();
    struct traced counted = trace_run(world_argv(&world, notify), NULL, &only_counts);
    ck_assert_msg(counted.status == 0, "%s", counted.err);
    ck_assert_uint_gt(counted.calls, 50);
    const unsigned long step = fault_step();
    for (plan.at = 1; plan.at <= counted.calls; plan.at += step) {
        if (plan.what == TRACE_SIGNAL || trace_call_error(counted.made[plan.at - 1]) != 0)
            try_at(&plan);
    }
    printf("%lu calls\n", counted.calls);
    trace_free(&counted);
}

START_TEST(killed_at_each_call)
{
    each_call((struct trace_plan){.what = TRACE_SIGNAL, .value = SIGKILL});
}
END_TEST

START_TEST(each_call_fails)
{
    each_call((struct trace_plan){.what = TRACE_FAIL});
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("the release build is what is killed in the field");
    return 77;
#endif
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("notify, call by call");
    TCase *tests = tcase_create("notify");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, killed_at_each_call);
    tcase_add_test(tests, each_call_fails);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
