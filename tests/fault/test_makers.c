/*
 * init and upgrade, killed or failing at each system call: run again, they do what was left to do,
 * and what they made first is not made anew.
 */
#include "fault/trace.h"
#include "fault/world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned long step(void)
{
    const char *text = getenv("FAULT_STEP");
    unsigned long n = text != NULL ? strtoul(text, NULL, 10) : FAULT_STEP_DEFAULT;
    return n > 0 ? n : 1;
}

static void in_memory(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1);
}

static void prove(const char *config, const char *token)
{
    struct run check = CTL(config, NULL, "check");
    ck_assert_msg(check.status == 0, "check: %s%s", check.out, check.err);
    struct run reveal = CTL(config, NULL, "show", token, "--reveal");
    ck_assert_msg(reveal.status == 0, "%s", reveal.err);
    ck_assert_ptr_nonnull(strstr(reveal.out, "esptk_"));
}

/* A sanitizer that gets no memory for itself ends the process in words of its own. */
static bool is_sanitizers(const struct traced *traced)
{
#ifdef __SANITIZE_ADDRESS__
    return traced->call == SYS_mmap;
#else
    (void)traced;
    return false;
#endif
}

/* 0 and done, or 5 and a word; a killed one gave neither. */
static void judge(const struct traced *traced, const struct trace_plan *plan)
{
    if (plan->what == TRACE_SIGNAL || traced->status == 0 || is_sanitizers(traced))
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

START_TEST(init_goes_on)
{
    in_memory();
    struct trace_plan plan = {.what = ways[_i].what, .value = ways[_i].value};
    bool reached = true;
    for (plan.at = 1; reached; plan.at += step()) {
        char folder[64], config[128];
        snprintf(folder, sizeof folder, "%s/espt-init-%d", getenv("TMPDIR"), (int)getpid());
        snprintf(config, sizeof config, "%s/esp-token.conf", folder);
        struct traced traced =
            trace_run((const char *const[]){ctl_path(), "init", folder, NULL}, NULL, &plan);
        judge(&traced, &plan);
        if (traced.status == 0)
            ck_assert_int_eq(access(config, F_OK), 0);
        struct run again = CTL(NULL, NULL, "init", folder);
        ck_assert_msg(again.status == 0, "again: %s", again.err);
        ck_assert_int_eq(CTL(config, NULL, "entity", "add", "a", "--kind", "customer").status, 0);
        prove(config, "a/default");
        reached = traced.call >= 0;
        trace_free(&traced);
        ck_assert_int_eq(run_process((const char *const[]){"rm", "-r", folder, NULL}, NULL).status,
                         0);
    }
    ck_assert_uint_gt(plan.at, 50);
}
END_TEST

static void old_store(const char *folder)
{
    static const char *const files[] = {"esp-token.conf", "reveal.key", "reveal.pub", "tiers.ini",
                                        "tokens.mdb"};
    char command[600];
    snprintf(command, sizeof command, "rm -f '%s'/*", folder);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status, 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char from[128];
        size_t len;
        snprintf(from, sizeof from, "tests/fixtures/schema1/%s", files[i]);
        char *data = file_read(from, &len);
        ck_assert_msg(data != NULL, "%s", from);
        file_write(in_folder(folder, files[i]), data, len,
                   strcmp(files[i], "reveal.key") == 0 ? 0600 : 0640);
    }
}

START_TEST(upgrade_goes_on)
{
    in_memory();
    const char *folder = temp_folder();
    struct trace_plan plan = {.what = ways[_i].what, .value = ways[_i].value};
    bool reached = true;
    for (plan.at = 1; reached; plan.at += 3 * step()) {
        old_store(folder);
        char config[256];
        snprintf(config, sizeof config, "%s/esp-token.conf", folder);
        struct traced traced = trace_run(
            (const char *const[]){ctl_path(), "-c", config, "upgrade", NULL}, NULL, &plan);
        judge(&traced, &plan);
        struct run again = CTL(config, NULL, "upgrade");
        if (again.status == 4 && (plan.what == TRACE_SIGNAL || traced.call == SYS_unlink)) {
            /* the backup of the first try: it says to move it away */
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
    tcase_add_loop_test(tests, init_goes_on, 0, WAYS);
    tcase_add_loop_test(tests, upgrade_goes_on, 0, WAYS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
