/* SPDX-License-Identifier: ISC */
/* The worker's sandbox: what the worker needs works, and everything else is refused. */
#include "portal/sandbox.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each tries one action; the result is negative if it failed. */
static long open_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}
static long open_at(void)
{
    return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0);
}
static long make_file(void)
{
    return open("/tmp/esp-token-sandbox", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}
static long make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}
static long make_pair(void)
{
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}
static long connect_to(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    return connect(0, (const struct sockaddr *)&address, sizeof address);
}
static long make_process(void)
{
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}
static long execute(void)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    return execve("/bin/true", argv, argv + 1);
}
static long signal_other(void)
{
    return kill(getppid(), 0);
}
static long trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static long read_other(void)
{
    return syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0);
}
static long become_root(void)
{
    return setuid(0);
}
static long executable_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1
               : 0;
}
static long make_executable(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(memory, 4096, PROT_READ | PROT_EXEC);
}
static long list_folder(void)
{
    return syscall(SYS_getdents64, 0, NULL, 0);
}
static long unlink_file(void)
{
    return unlink("/tmp/esp-token-no-such-file");
}
static long new_namespace(void)
{
    return syscall(SYS_unshare, 0);
}
static long use_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0);
}
static long use_ring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL);
}

static const struct {
    const char *name;
    long (*act)(void);
} refused[] = {
    {"open", open_file},
    {"openat2", open_at},
    {"create", make_file},
    {"socket", make_socket},
    {"socketpair", make_pair},
    {"connect", connect_to},
    {"fork", make_process},
    {"exec", execute},
    {"kill", signal_other},
    {"ptrace", trace},
    {"process_vm_readv", read_other},
    {"setuid", become_root},
    {"mmap", executable_memory},
    {"mprotect", make_executable},
    {"getdents", list_folder},
    {"unlink", unlink_file},
    {"unshare", new_namespace},
    {"bpf", use_bpf},
    {"io_uring", use_ring},
};

/* The child's exit status. 0: each action failed with EPERM; 100: the sandbox could not be entered;
   otherwise the index of the first action with another result, plus 1. */
static int in_sandbox(void)
{
    struct espt_error err;
    const int code = sandbox_enter(&err);
    for (size_t i = 0; code == 0 && i < sizeof refused / sizeof *refused; i++) {
        errno = 0;
        if (refused[i].act() >= 0 || errno != EPERM)
            return (int)i + 1;
    }
    return code == 0 ? 0 : 100;
}

START_TEST(refuses)
{
    int status;
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || defined ESPT_COVERAGE
    puts("SKIPPED TEST: the sanitizer, or gcc's counters, need calls that the filter refuses");
    return;
#endif
    const pid_t pid = fork_child();
    if (pid == 0)
        _exit(in_sandbox());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    const int which = WEXITSTATUS(status);
    ck_assert_msg(which == 0, "%s could be done",
                  which < 100 ? refused[which - 1].name : "nothing");
}
END_TEST

/* The control: without the sandbox these actions do not fail with EPERM. */
START_TEST(control)
{
    ck_assert_int_ge(open_file(), 0);
    ck_assert_int_ge(make_socket(), 0);
    ck_assert_int_ge(make_process(), 0);
    ck_assert_int_ge(executable_memory(), 0);
    errno = 0;
    ck_assert(unlink_file() < 0 && errno == ENOENT);
}
END_TEST

START_TEST(drops)
{
    int status;
    if (geteuid() != 0) {
        puts("SKIPPED TEST: only root can become another user");
        return;
    }
    const pid_t pid = fork_child();
    if (pid == 0) {
        struct espt_error err;
        gid_t groups[8];
        if (sandbox_drop(65534, 65534, &err) != 0)
            _exit(1);
        _exit(getuid() == 65534 && getegid() == 65534 && getgroups(8, groups) == 0 && setuid(0) != 0
                  ? 0
                  : 2);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tests = tcase_create("sandbox");
    tcase_add_test(tests, refuses);
    tcase_add_test(tests, control);
    tcase_add_test(tests, drops);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
