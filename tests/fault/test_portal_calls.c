/* SPDX-License-Identifier: ISC */
/*
 * The file of sign-in links and sessions: each system call of the commands that use it fails in
 * turn. A success that was reported is real, a failure is reported, and the next command works.
 */
#include "fault/step.h"
#include "fault/trace.h"
#include "fault/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fewer calls than of the commands in world.c, so more of them are tried. */
#define PART 4

static const char section[] =
    "\n[portal]\nlisten = 127.0.0.1:8443\nidentity = link\npublic_url = http://localhost:8443\n";

static struct world world;

/* The file with one link, and the link's id. */
static struct {
    char *file;
    size_t len;
    char id[32];
} linked;

static const char *passes(void)
{
    static char path[600];
    snprintf(path, sizeof path, "%s.portal", world.store);
    return path;
}

/* The id of a new link, of 8 characters or so. */
static void make_link(char ret_id[static 32])
{
    struct run run = CTL(world.config, NULL, "--json", "portal", "link", "zed");
    ck_assert_msg(run.status == 0, "%s", run.err);
    const char *id = strstr(run.out, "\"id\": \"");
    ck_assert_ptr_nonnull(id);
    ck_assert_int_eq(sscanf(id, "\"id\": \"%31[^\"]", ret_id), 1);
}

static void setup(void)
{
    world_make(&world);
    FILE *config = fopen(world.config, "ae");
    ck_assert_ptr_nonnull(config);
    ck_assert_int_ge(fputs(section, config), 0);
    ck_assert_int_eq(fclose(config), 0);
    make_link(linked.id);
    linked.file = file_read(passes(), &linked.len);
    ck_assert_ptr_nonnull(linked.file);
}

static bool is_listed(const char *id)
{
    struct run run = CTL(world.config, NULL, "--json", "portal", "sessions");
    ck_assert_msg(run.status == 0, "%s", run.err);
    return strstr(run.out, id) != NULL;
}

/* The file with one link, or none. */
static void begin(bool no_file)
{
    unlink(passes());
    if (!no_file)
        file_write(passes(), linked.file, linked.len, 0600);
}

/* What must hold after `traced`, a command on the link `id`. */
typedef void check_fn(const struct traced *traced, const char *id);

static void link_is_real(const struct traced *traced, const char *id)
{
    const char *made = strstr(traced->out, "portal end ");
    char name[32] = "?";
    (void)id;
    if (traced->status != 0)
        return;
    ck_assert_msg(made != NULL && sscanf(made, "portal end %31s", name) == 1, "%s", traced->out);
    ck_assert(is_listed(name));
}

static void list_is_whole(const struct traced *traced, const char *id)
{
    if (traced->status == 0)
        ck_assert_msg(strstr(traced->out, id) != NULL, "%s", traced->out);
    ck_assert(is_listed(id));
}

static void end_is_real(const struct traced *traced, const char *id)
{
    if (traced->status == 0)
        ck_assert(!is_listed(id));
}

static const struct {
    const char *args[6];
    check_fn *check;
    bool makes_file; /* there is none before the command */
} commands[] = {
    {{"portal", "link", "acme"}, link_is_real, false},
    {{"portal", "link", "acme"}, link_is_real, true},
    {{"--json", "portal", "sessions"}, list_is_whole, false},
    {{"portal", "end", "zed"}, end_is_real, false},
};

START_TEST(each_call_fails)
{
    struct trace_plan plan = {.what = TRACE_COUNT};
    char id[32];
    begin(commands[_i].makes_file);
    struct traced counted = trace_run(world_argv(&world, commands[_i].args), NULL, &plan);
    ck_assert_msg(counted.status == 0, "%s", counted.err);
    plan.what = TRACE_FAIL;
    const unsigned long stride = fault_step() / PART + 1;
    for (plan.at = 1; plan.at <= counted.calls; plan.at += stride) {
        if (trace_call_error(counted.made[plan.at - 1]) == 0)
            continue;
        begin(commands[_i].makes_file);
        struct traced traced = trace_run(world_argv(&world, commands[_i].args), NULL, &plan);
        ck_assert_msg(traced.status == 0 || traced.status == 5, "status %d at call %lu (%s): %s",
                      traced.status, plan.at, trace_call_name(traced.call), traced.err);
        ck_assert_msg(traced.status == 0 || traced.err[0] != '\0' || traced.out[0] != '\0' ||
                          traced.call == 1 /* the call that prints the message */,
                      "no message at call %lu (%s)", plan.at, trace_call_name(traced.call));
        commands[_i].check(&traced, linked.id);
        trace_free(&traced);
    }
    trace_free(&counted);
    make_link(id);
    ck_assert(is_listed(id));
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("the sanitizers make calls of their own, which would fail");
    return 77;
#endif
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("portal calls");
    TCase *tests = tcase_create("calls");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 600);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, each_call_fails, 0, sizeof commands / sizeof *commands);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
