/* SPDX-License-Identifier: ISC */
/* A host that installs a seccomp filter after `open`. The system calls that validator.h lists
   suffice, and a message names the call that the filter refuses. */
#include "host.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || defined ESPT_COVERAGE
#define AS_SHIPPED 0
#else
#define AS_SHIPPED 1
#endif

static struct text text;
static const char *tiers, *store;

/* validator.h */
static const int needed[] = {
    SYS_clock_gettime, SYS_fstat,      SYS_newfstatat, SYS_openat,   SYS_read,
    SYS_pread64,       SYS_readlinkat, SYS_fstatfs,    SYS_close,    SYS_mmap,
    SYS_mremap,        SYS_munmap,     SYS_brk,        SYS_mprotect, SYS_madvise,
};
/* calls of this test */
static const int the_tests_own[] = {
#ifdef SYS_rename
    SYS_rename,
#endif
    SYS_renameat,   SYS_renameat2, SYS_write, SYS_clock_nanosleep,
    SYS_exit_group, SYS_lseek,     SYS_fchmod};
static const int that_look[] = {
#ifdef SYS_stat
    SYS_stat, SYS_lstat,
#endif
    SYS_fstat, SYS_newfstatat, SYS_statx};
static const int that_open[] = {
#ifdef SYS_open
    SYS_open,
#endif
    SYS_openat};
#define COUNT(array) (sizeof(array) / sizeof *(array))

struct program {
    struct sock_filter code[64];
    unsigned short len;
};

static void add(struct program *program, struct sock_filter line)
{
    program->code[program->len++] = line;
}

static void answer(struct program *program, const int *calls, size_t count, uint32_t action)
{
    for (size_t i = 0; i < count; i++) {
        add(program,
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1));
        add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
    }
}

static bool install(struct program *program, uint32_t otherwise)
{
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise));
    const struct sock_fprog filter = {.len = program->len, .filter = program->code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static struct program begin(void)
{
    struct program program = {.len = 0};
    add(&program,
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    return program;
}

static void setup(void)
{
    host_setup();
    tiers = keep_string(strdup(in_folder(folder, "tiers.ini")));
    store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    text = text_in(DO("entity", "add", "shop", "--kind", "customer"));
}

static int sees(const char *metric)
{
    espt_result result;
    return validate_now(&text, metric, NULL, 0, &result);
}

/* The steps of a child. Returns 0, the number of the step that failed, or 77: no filter is
 * possible.
 */
static char err[512];

static int forbidden(const int *calls, size_t count)
{
    struct program program = begin();
    answer(&program, calls, count, SECCOMP_RET_ERRNO | EPERM);
    return install(&program, SECCOMP_RET_ALLOW) ? 0 : 77;
}

/* Without stat the plugin cannot notice a chroot or a replaced store. It opens nothing again, and
   the store is unavailable. */
static int without_stat(void)
{
    if (forbidden(that_look, COUNT(that_look)) != 0)
        return 77;
    if (plugin->refresh(ctx, err, sizeof err) != 0)
        return 1;
    if (strstr(err, "stat") == NULL || strstr(err, "not permitted") == NULL ||
        strstr(err, "seccomp") == NULL)
        return 2;
    if (strstr(err, "another") != NULL || strstr(last_log, "replaced") != NULL)
        return 3;
    if (sees("kpi.x") != ESPT_ERR_UNAVAILABLE)
        return 4;
    const int logged = atomic_load(&warnings);
    plugin->refresh(ctx, NULL, 0);
    plugin->refresh(ctx, NULL, 0);
    return atomic_load(&warnings) == logged ? 0 : 5;
}

/* The open store continues to answer; an edit cannot be read. */
static int without_open(void)
{
    file_text(tiers, "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = *\n");
    if (forbidden(that_open, COUNT(that_open)) != 0)
        return 77;
    if (plugin->refresh(ctx, err, sizeof err) != 0)
        return 1;
    if (strstr(err, "openat") == NULL || strstr(err, "not permitted") == NULL ||
        strstr(err, "old tier table stays") == NULL)
        return 2;
    return sees("kpi.x") == ESPT_ALLOW && sees("x.y") == ESPT_DENY_METRIC ? 0 : 3;
}

/* Allows the calls that a reload needs. Any other call ends the process. */
static int with_what_is_needed(void)
{
    size_t len;
    const char *bytes = file_read(store, &len);
    const char *next = in_folder(folder, "next");
    file_write(next, bytes, len, 0640);
    if (fflush(NULL) != 0 || access(tiers, F_OK) != 0)
        return 1;
    struct program program = begin();
    answer(&program, needed, COUNT(needed), SECCOMP_RET_ALLOW);
    answer(&program, the_tests_own, COUNT(the_tests_own), SECCOMP_RET_ALLOW);
    if (!install(&program, SECCOMP_RET_KILL_PROCESS))
        return 77;
    file_text(tiers, "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = *\n");
    usleep(1300000);
    if (sees("x.y") != ESPT_ALLOW)
        return 2;
    file_text(tiers, "broken");
    usleep(1300000);
    if (sees("x.y") != ESPT_ALLOW || plugin->refresh(ctx, NULL, 0) != 0)
        return 3;
    file_text(tiers, "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = *\n");
    if (rename(next, store) != 0 || plugin->refresh(ctx, NULL, 0) != 1)
        return 4;
    return sees("x.y") == ESPT_ALLOW ? 0 : 5;
}

static void lives(int (*live)(void), const char *test)
{
    int status;
    fflush(stdout);
    if (!AS_SHIPPED) {
        printf("SKIPPED %s: a sanitizer or counters make calls of their own\n", test);
        return;
    }
    pid_t child = fork_child();
    if (child == 0) {
        const int step = live();
        if (step != 0 && step != 77)
            dprintf(1, "%s: %s\n", test, err);
        _exit(step);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        printf("SKIPPED %s: no seccomp filters here\n", test);
    else
        ck_assert_msg(status == 0, "%s: wait status %x", test, status);
}

START_TEST(failed_calls_are_named)
{
    lives(without_stat, "without stat");
    lives(without_open, "without open");
}
END_TEST

START_TEST(the_listed_calls_suffice)
{
    lives(with_what_is_needed, "with what is needed");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seccomp");
    TCase *tcase = tcase_create("seccomp");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, failed_calls_are_named);
    tcase_add_test(tcase, the_listed_calls_suffice);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
