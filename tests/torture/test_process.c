/* SPDX-License-Identifier: ISC */
/* Process-wide state belongs to the host. It is compared before and after everything that a host
   does. */
#include "torture/world.h"

#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

extern char **environ;

static struct text good;
static char state[2][65536];

static char *append(char *at, const char *end, const char *format, ...) ESPT_PRINTF(3, 4);
static char *append(char *at, const char *end, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(at, (size_t)(end - at), format, args);
    va_end(args);
    ck_assert(len >= 0 && len < end - at);
    return at + len;
}

/* The fields of /proc/self/status that a library could change. */
static char *add_status(char *at, const char *end)
{
    static const char *const wanted[] = {
        "Name:",    "Umask:",  "TracerPid:", "Uid:",    "Gid:",        "FDSize:",  "Groups:",
        "Threads:", "SigPnd:", "ShdPnd:",    "SigBlk:", "SigIgn:",     "SigCgt:",  "CapInh:",
        "CapPrm:",  "CapEff:", "CapBnd:",    "CapAmb:", "NoNewPrivs:", "Seccomp:", "CoreDumping:",
    };
    char line[512];
    FILE *status = fopen("/proc/self/status", "re");
    ck_assert_ptr_nonnull(status);
    while (fgets(line, sizeof line, status) != NULL) {
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
                at = append(at, end, "%s", line);
    }
    fclose(status);
    return at;
}

static char *add_signals(char *at, const char *end)
{
    for (int signal = 1; signal < 65; signal++) {
        struct sigaction action;
        if (sigaction(signal, NULL, &action) == 0)
            at = append(at, end, "signal %d: %p %x\n", signal, *(void **)(void *)&action.sa_handler,
                        (unsigned)action.sa_flags);
    }
    stack_t stack;
    struct itimerval timer;
    ck_assert_int_eq(sigaltstack(NULL, &stack), 0);
    at = append(at, end, "signal stack %p %x\n", stack.ss_sp, (unsigned)stack.ss_flags);
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
        ck_assert_int_eq(getitimer(which, &timer), 0);
        at = append(at, end, "timer %d: %d\n", which, timer.it_value.tv_sec != 0);
    }
    return at;
}

static void capture(char *out)
{
    char here[4096];
    const char *end = out + sizeof state[0];
    out = add_signals(add_status(out, end), end);
    out = append(out, end, "environment %p\n", (void *)environ);
    for (char **each = environ; *each != NULL; each++)
        out = append(out, end, "%s\n", *each);
    for (int category = 0; category < 13; category++) {
        const char *locale = setlocale(category, NULL);
        out = append(out, end, "locale %d: %s\n", category, locale != NULL ? locale : "-");
    }
    for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)resource, &limit) == 0)
            out = append(out, end, "limit %d: %ju %ju\n", resource, (uintmax_t)limit.rlim_cur,
                         (uintmax_t)limit.rlim_max);
    }
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    out = append(out, end, "folder %s\ndumpable %d\nkeepcaps %d\n", here, prctl(PR_GET_DUMPABLE),
                 prctl(PR_GET_KEEPCAPS));
    append(out, end, "timer slack %d\nrounding %d\nnice %d\nsession %d\n", prctl(PR_GET_TIMERSLACK),
           fegetround(), getpriority(PRIO_PROCESS, 0), getsid(0));
}

static void on_signal(int signal)
{
    (void)signal;
}

/* Settings of the host, none of them a default. */
static void set_unusual_state(bool dumpable)
{
    sigset_t set;
    umask(0123);
    setenv("ESP_TOKEN_CONFIG", "/nowhere", 1);
    setenv("TZ", "Pacific/Chatham", 1);
    signal(SIGUSR1, on_signal);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    setlocale(LC_ALL, "C.UTF-8");
    fesetround(FE_UPWARD);
    prctl(PR_SET_DUMPABLE, dumpable);
    ck_assert_int_eq(chdir("/"), 0);
}

static void do_all(void)
{
    espt_result result;
    espt_ctx *other;
    host_load();
    host_open();
    ck_assert_int_eq(validate_now(&good, "kpi.x", "shop", 0, &result), ESPT_ALLOW);
    ck_assert_int_eq(plugin->allows(ctx, &result, "asn.x", 5), 0);
    ck_assert_int_eq(validate_now(&good, NULL, NULL, INT64_C(1) << 40, &result), ESPT_DENY_EXPIRED);
    file_text(in_folder(folder, "tiers.ini"), "broken");
    ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 0);
    ck_assert_int_eq(plugin->open(&other, config, NULL, NULL, NULL, 0), 0);
    file_text(in_folder(folder, "tiers.ini"), world_table);
    ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    usleep(1100000); /* and the check for changed files, once a second */
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(rename(in_folder(folder, "tokens.mdb"), in_folder(folder, "kept")), 0);
    ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 0);
    ck_assert_int_eq(verdict(&good), ESPT_ERR_UNAVAILABLE);
    host_teardown();
}

static void setup(void)
{
    world_open();
    good = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    world_close();
    tier_table_free(world_tiers);
}

/* Fails with the first line that differs. */
static void must_be_equal(void)
{
    size_t line = 0;
    for (size_t i = 0; state[0][i] == state[1][i]; i++) {
        if (state[0][i] == '\0')
            return;
        if (state[0][i] == '\n')
            line = i + 1;
    }
    ck_abort_msg("before: %.80s\nafter: %.80s", state[0] + line, state[1] + line);
}

START_TEST(process_state_is_unchanged)
{
    set_unusual_state(_i == 0);
    capture(state[0]);
    do_all();
    capture(state[1]);
    prctl(PR_SET_DUMPABLE, 1);
    must_be_equal();
    umask(0);
    capture(state[1]);
    ck_assert_str_ne(state[0], state[1]); /* the comparison sees a change */
}
END_TEST

/* Also after everything that reopens files. */
START_TEST(exec_inherits_no_descriptor)
{
    host_load();
    host_open();
    size_t len;
    const char *bytes = file_read(in_folder(folder, "tokens.mdb"), &len);
    for (int round = 0; round < 2; round++) {
        struct run run = run_process(
            (const char *const[]){"sh", "-c", "ls -l /proc/$$/fd; cat /proc/$$/maps", NULL}, NULL);
        ck_assert_int_eq(run.status, 0);
        ck_assert_msg(strstr(run.out, folder) == NULL, "%s", run.out);
        file_write(in_folder(folder, "next"), bytes, len, 0640);
        ck_assert_int_eq(rename(in_folder(folder, "next"), in_folder(folder, "tokens.mdb")), 0);
        file_text(in_folder(folder, "tiers.ini"), world_table);
        ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    }
    host_teardown();
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("process");
    TCase *tcase = tcase_create("process");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_loop_test(tcase, process_state_is_unchanged, 0, 2);
    tcase_add_test(tcase, exec_inherits_no_descriptor);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
