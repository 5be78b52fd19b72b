/* SPDX-License-Identifier: ISC */
/*
 * Ctrl-C, a closed terminal and a closed pipe: the exit status is what shells expect, the terminal
 * settings are restored, and every change that was made was also printed.
 */
#include "fault/step.h"
#include "fault/trace.h"
#include "fault/world.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

static unsigned long step(void)
{
    return fault_step_or(4 * FAULT_STEP_DEFAULT);
}

/* SIGINT at each system call: either nothing was done, or all of it was done and printed. */
START_TEST(interrupted_at_each_call)
{
    struct world world;
    world_make(&world);
    const struct writer *writer = &writers[_i];
    char *before = world_state(&world);
    const struct run run = run_process(world_argv(&world, writer->args), NULL);
    ck_assert_msg(run.status == 0, "%s: %s", writer->name, run.err);
    char *after = world_state(&world);
    const bool changes = strcmp(before, after) != 0;
    const size_t len = strlen(run.out);
    struct trace_plan plan = {.what = TRACE_SIGNAL, .value = SIGINT};
    bool reached = true;
    for (plan.at = 1 + (unsigned long)_i % step(); reached; plan.at += step()) {
        world_reset(&world);
        struct traced traced = trace_run(world_argv(&world, writer->args), NULL, &plan);
        reached = traced.call >= 0;
        char *state = world_state(&world);
        const bool done = changes && strcmp(state, after) == 0;
        /* input by lines: the message says how far the command came */
        const bool told = says_done(traced.err);
        ck_assert_msg(done || told || !writer_is_at_once(writer) || strcmp(state, before) == 0,
                      "%s: half done at call %lu (%s), status %d: %s\n%s", writer->name, plan.at,
                      trace_call_name(traced.call), traced.status, traced.err, state);
        ck_assert_msg(traced.status == 0 || traced.status == 4 || traced.status == 128 + SIGINT,
                      "%s: status %d: %s", writer->name, traced.status, traced.err);
        if (done && !told && writer_is_at_once(writer))
            ck_assert_msg(traced.out_len == len, "%s: done at call %lu (%s), and not said",
                          writer->name, plan.at, trace_call_name(traced.call));
        else if (!told && changes && writer_is_at_once(writer))
            ck_assert_msg(traced.out_len == 0 && traced.status != 0, "%s: said, and not done",
                          writer->name);
        trace_free(&traced);
        free(state);
    }
    free(before);
    free(after);
}
END_TEST

/* --- at a terminal --- */

struct seen {
    int status; /* 128 + signal */
    bool same;  /* the terminal settings before and after */
    char text[8192];
};

enum answer { CTRL_C, CTRL_BACKSLASH, HANG_UP };

/* Every prompt of src/cli: prompt() and readpassphrase(). */
static const struct prompt {
    const char *args[8], *words;
    bool guarded;      /* the reveal key has a passphrase */
    const char *first; /* the answer to the prompt before; NULL: this is the first prompt */
} prompts[] = {
    {{"remove", "acme/second"}, "[y/N]", false, NULL},
    {{"entity", "remove", "zed"}, "[y/N]", false, NULL},
    {{"restore", "@backup.mdb"}, "[y/N]", false, NULL},
    {{"key", "passphrase"}, "New passphrase: ", false, NULL},
    {{"key", "passphrase"}, "Once more: ", false, "battery staple\n"},
    {{"verify"}, "Token: ", false, NULL},
    {{"show", "acme/default", "--reveal"}, "Passphrase of ", true, NULL},
    {{"copy", "acme/default"}, "Passphrase of ", true, NULL},
    {{"key", "rotate"}, "Passphrase of ", true, NULL},
    {{"key", "passphrase"}, "Passphrase of ", true, NULL},
    {{"key", "passphrase"}, "New passphrase: ", true, "correct horse\n"},
};

/* Waits until the child has printed its prompt and sleeps in read(). A key that came earlier would
   be dropped, or would end the read before it begins. */
static void await_read(pid_t child)
{
    char path[64];
    int asleep = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
    for (int tries = 0; asleep < 2; tries++) {
        const char *stat = file_read(path, NULL);
        const char *end = stat != NULL ? strrchr(stat, ')') : NULL; /* of the name of the program */
        ck_assert_msg(end != NULL && tries < 20000, "process %d reads no key", (int)child);
        asleep = end[2] == 'S' ? asleep + 1 : 0;
        usleep(1000);
    }
}

/* Called once `prompt` is on the terminal. */
static struct seen at_prompt(const struct world *world, const struct prompt *prompt,
                             enum answer answer)
{
    const char *first = prompt->first;
    struct seen seen = {0};
    struct termios before, after;
    memset(&before, 0, sizeof before); /* compared byte by byte, padding included */
    memset(&after, 0, sizeof after);
    int terminal, slave, status;
    size_t len = 0;
    ck_assert_int_eq(openpty(&terminal, &slave, NULL, NULL, NULL), 0);
    ck_assert_int_eq(tcgetattr(terminal, &before), 0);
    const char *const *argv = world_argv(world, prompt->args);
    pid_t child = fork();
    if (child == 0) {
        close(terminal);
        login_tty(slave);
        execv(argv[0], (char *const *)(void *)(uintptr_t)argv);
        _exit(127);
    }
    while (strstr(seen.text, prompt->words) == NULL) {
        ssize_t got = read(terminal, seen.text + len, sizeof seen.text - 1 - len);
        ck_assert_msg(got > 0, "no prompt in: %s", seen.text);
        len += (size_t)got;
        if (first != NULL && strstr(seen.text, "assphrase") != NULL) {
            await_read(child);
            ck_assert_int_gt(write(terminal, first, strlen(first)), 0);
            first = NULL;
        }
    }
    await_read(child);
    if (answer == HANG_UP) {
        close(slave);
        close(terminal);
    } else {
        ck_assert_int_eq(write(terminal, answer == CTRL_C ? "\003" : "\034", 1), 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    seen.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    seen.same = true;
    if (answer != HANG_UP) {
        ck_assert_int_eq(tcgetattr(slave, &after), 0);
        seen.same = memcmp(&before, &after, sizeof before) == 0;
        close(slave);
        close(terminal);
    }
    return seen;
}

static void must_guard(const struct world *world)
{
    static const char *const args[] = {"key", "passphrase", "--new-passphrase-file", "@words",
                                       NULL};
    struct run run = run_process(world_argv(world, args), NULL);
    ck_assert_msg(run.status == 0, "%s", run.err);
}

START_TEST(interrupted_at_the_prompt)
{
    const struct prompt *prompt = &prompts[_i];
    static const int signals[] = {SIGINT, SIGQUIT, SIGHUP};
    struct world world;
    world_make(&world);
    if (prompt->guarded)
        must_guard(&world);
    char *before = world_state(&world);
    for (enum answer answer = CTRL_C; answer <= HANG_UP; answer++) {
        struct seen seen = at_prompt(&world, prompt, answer);
        ck_assert_msg(seen.status == 128 + signals[answer], "%s, %d: status %d: %s",
                      prompt->args[0], (int)answer, seen.status, seen.text);
        ck_assert_msg(seen.same, "%s, %d: the terminal was left in another state", prompt->args[0],
                      (int)answer);
        char *after = world_state(&world);
        ck_assert_str_eq(before, after);
        free(after);
    }
    free(before);
}
END_TEST

/* --- a pipe whose reader closes it --- */

START_TEST(closed_pipe)
{
    static const char *const lists[] = {"list",
                                        "list acme",
                                        "--json list",
                                        "export",
                                        "log",
                                        "--json log",
                                        "entity list",
                                        "--json entity list",
                                        "entity list --tree",
                                        "export --sealed",
                                        "list --sort name",
                                        "log --follow"};
    struct world world;
    char command[2048];
    world_make(&world);
    ck_assert_int_eq(CTL(world.config, NULL, "entity", "edit", "acme", "--name", "acme2").status,
                     0);
    snprintf(command, sizeof command,
             "cd '%s' && sed -i 's/^max_tokens.*/max_tokens = unlimited/' tiers.ini && "
             "seq 5000 > names && seq -f 'e%%04.0f customer' 2500 > entities && "
             "'%s' -c '%s' entity add --from entities > /dev/null && "
             "'%s' -c '%s' create acme2 --from names -q | tail -n 1",
             world.folder, ctl_path(), world.config, ctl_path(), world.config);
    struct run made = run_process((const char *const[]){"sh", "-c", command, NULL}, NULL);
    ck_assert_msg(made.status == 0 && strstr(made.out, "esptk_") != NULL, "%s", made.err);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *list = strcmp(lists[i], "list acme") == 0 ? "list acme2" : lists[i];
        snprintf(command, sizeof command,
                 "trap - PIPE; '%s' -c '%s' %s | head -n 1 > line; echo ${PIPESTATUS[0]}",
                 ctl_path(), world.config, list);
        ck_assert_int_eq(chdir(world.folder), 0);
        struct run run = run_process((const char *const[]){"bash", "-c", command, NULL}, NULL);
        ck_assert_str_eq(run.err, ""); /* like `yes | head`: no message */
        ck_assert_msg(strcmp(run.out, "141\n") == 0, "%s: status %s", list, run.out);
    }
}
END_TEST

int main(void)
{
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    /* the parent process may ignore these signals, and ignored signals are inherited */
    static const int signals[] = {SIGPIPE, SIGINT, SIGQUIT, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
    cheap_crypto();
    Suite *suite = suite_create("interrupt");
    TCase *tests = tcase_create("interrupt");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, fault_step_limit(300));
    tcase_add_loop_test(tests, interrupted_at_each_call, 0, (int)writer_count);
    tcase_add_loop_test(tests, interrupted_at_the_prompt, 0,
                        (int)(sizeof prompts / sizeof *prompts));
    tcase_add_test(tests, closed_pipe);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
