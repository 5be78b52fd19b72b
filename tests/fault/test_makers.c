/* SPDX-License-Identifier: ISC */
/*
 * init and upgrade are killed at each system call, or the call fails. Run again, they complete what
 * was left, and keep what was already made.
 */
#include "fault/step.h"
#include "fault/trace.h"
#include "fault/world.h"
#include "support/folder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void check_store_works(const char *config, const char *token)
{
    struct run check = CTL(config, NULL, "check");
    ck_assert_msg(check.status == 0, "check: %s%s", check.out, check.err);
    struct run reveal = CTL(config, NULL, "show", token, "--reveal");
    ck_assert_msg(reveal.status == 0, "%s", reveal.err);
    ck_assert_ptr_nonnull(strstr(reveal.out, "esptk_"));
}

/* Status 0 and done, or status 5 and a message; a killed command gave neither. */
static void check_outcome(const struct traced *traced, const struct trace_plan *plan)
{
    if (plan->what == TRACE_SIGNAL || traced->status == 0 || trace_hit_sanitizer(traced))
        return;
    ck_assert_msg(traced->status == 5, "status %d at call %lu (%s): %s", traced->status, plan->at,
                  trace_call_name(traced->call), traced->err);
    ck_assert_msg(strncmp(traced->err, "esp-tokenctl: ", 14) == 0 || traced->call == 1,
                  "no message at call %lu: %s", plan->at, traced->err);
}

static const struct {
    enum trace_what what;
    int value;
} ways[] = {{TRACE_SIGNAL, SIGKILL}, {TRACE_FAIL, 0}, {TRACE_FAIL_DONE, EIO}};
#define WAYS (int)(sizeof ways / sizeof *ways)

START_TEST(init_completes_when_run_again)
{
    use_memory();
    struct trace_plan plan = {.what = ways[_i].what, .value = ways[_i].value};
    bool reached = true;
    for (plan.at = 1; reached; plan.at += fault_step()) {
        char folder[64], config[128];
        snprintf(folder, sizeof folder, "%s/espt-init-%d", getenv("TMPDIR"), (int)getpid());
        snprintf(config, sizeof config, "%s/esp-token.conf", folder);
        struct traced traced =
            trace_run((const char *const[]){ctl_path(), "init", folder, NULL}, NULL, &plan);
        check_outcome(&traced, &plan);
        if (traced.status == 0)
            ck_assert_int_eq(access(config, F_OK), 0);
        struct run again = CTL(NULL, NULL, "init", folder);
        ck_assert_msg(again.status == 0, "again: %s", again.err);
        ck_assert_int_eq(CTL(config, NULL, "entity", "add", "a", "--kind", "customer").status, 0);
        check_store_works(config, "a/default");
        reached = traced.call >= 0;
        trace_free(&traced);
        ck_assert(folder_remove(folder));
    }
    ck_assert_uint_gt(plan.at, 50);
}
END_TEST

START_TEST(upgrade_completes_when_run_again)
{
    use_memory();
    const char *folder = temp_folder();
    struct trace_plan plan = {.what = ways[_i].what, .value = ways[_i].value};
    bool reached = true;
    for (plan.at = 1; reached; plan.at += 3 * fault_step()) {
        world_copy_fixture(folder, "schema1");
        char config[256];
        snprintf(config, sizeof config, "%s/esp-token.conf", folder);
        struct traced traced = trace_run(
            (const char *const[]){ctl_path(), "-c", config, "upgrade", NULL}, NULL, &plan);
        check_outcome(&traced, &plan);
        struct run again = CTL(config, NULL, "upgrade");
        if (again.status == 4 && (plan.what == TRACE_SIGNAL || traced.call == SYS_unlink)) {
            /* the first try left a backup: the message says to move it away */
            ck_assert_int_eq(unlink(in_folder(folder, "tokens.mdb.schema-1")), 0);
            again = CTL(config, NULL, "upgrade");
        }
        ck_assert_msg(again.status == 0, "again: %s", again.err);
        if (traced.status == 0)
            ck_assert_ptr_nonnull(strstr(again.out, "already"));
        ck_assert_str_eq(CTL(config, NULL, "--json", "entity", "list").out,
                         file_read("tests/fixtures/schema1/entities.json", NULL));
        ck_assert_int_eq(CTL(config, NULL, "log", "verify").status, 0);
        reached = traced.call >= 0;
        trace_free(&traced);
    }
    ck_assert_uint_gt(plan.at, 100);
}
END_TEST

int main(void)
{
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("makers");
    TCase *tests = tcase_create("makers");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, init_completes_when_run_again, 0, WAYS);
    tcase_add_loop_test(tests, upgrade_completes_when_run_again, 0, WAYS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
