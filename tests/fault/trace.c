/* SPDX-License-Identifier: ISC */
#include "fault/trace.h"

#include "support/support.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)
#define OPTIONS_OF_ENDS \
    (OPTIONS | PTRACE_O_TRACEEXIT | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

static const struct {
    long call;
    const char *name;
    int error;
} calls[] = {
    {SYS_open, "open", EMFILE},
    {SYS_openat, "openat", EMFILE},
    {SYS_read, "read", EIO},
    {SYS_pread64, "pread64", EIO},
    {SYS_write, "write", ENOSPC},
    {SYS_writev, "writev", ENOSPC},
    {SYS_pwrite64, "pwrite64", ENOSPC},
    {SYS_pwritev, "pwritev", ENOSPC},
    {SYS_fsync, "fsync", EIO},
    {SYS_fdatasync, "fdatasync", EIO},
    {SYS_msync, "msync", EIO},
    {SYS_ftruncate, "ftruncate", ENOSPC},
    {SYS_fallocate, "fallocate", ENOSPC},
    {SYS_rename, "rename", EIO},
    {SYS_renameat2, "renameat2", EIO},
    {SYS_link, "link", EIO},
    {SYS_linkat, "linkat", EIO},
    {SYS_unlink, "unlink", EIO},
    {SYS_mkdir, "mkdir", ENOSPC},
    {SYS_close, "close", EIO},
    {SYS_mmap, "mmap", ENOMEM},
    {SYS_mprotect, "mprotect", ENOMEM},
    {SYS_madvise, "madvise", EINVAL},
    {SYS_mlock, "mlock", ENOMEM},
    {SYS_fcntl, "fcntl", ENOLCK},
    {SYS_flock, "flock", ENOLCK},
    {SYS_newfstatat, "newfstatat", EIO},
    {SYS_fstat, "fstat", EIO},
    {SYS_statx, "statx", EIO},
    {SYS_fstatfs, "fstatfs", EIO},
    {SYS_access, "access", EACCES},
    {SYS_readlink, "readlink", EIO},
    {SYS_getcwd, "getcwd", ENOENT},
    {SYS_lseek, "lseek", EIO},
    {SYS_ioctl, "ioctl", EIO},
    {SYS_chmod, "chmod", EPERM},
    {SYS_fchmod, "fchmod", EPERM},
    {SYS_fchown, "fchown", EIO},
    {SYS_pipe2, "pipe2", EMFILE},
    {SYS_socket, "socket", EMFILE},
    {SYS_connect, "connect", ECONNREFUSED},
    {SYS_clone, "clone", EAGAIN},
    {SYS_getdents64, "getdents64", EIO},
    {SYS_nanosleep, "nanosleep", EINTR},
    {SYS_clock_nanosleep, "clock_nanosleep", EINTR},
};

static size_t place_of(long call)
{
    size_t i = 0;
    while (i < sizeof calls / sizeof *calls && calls[i].call != call)
        i++;
    return i;
}

const char *trace_call_name(long call)
{
    size_t i = place_of(call);
    return i < sizeof calls / sizeof *calls ? calls[i].name : "another call";
}

int trace_call_error(long call)
{
    size_t i = place_of(call);
    return i < sizeof calls / sizeof *calls ? calls[i].error : 0;
}

bool trace_call_writes(long call)
{
    return call == SYS_write || call == SYS_pwrite64 || call == SYS_writev || call == SYS_pwritev;
}

bool trace_call_fails_late(long call)
{
    return trace_call_writes(call) || call == SYS_close || call == SYS_fsync ||
           call == SYS_fdatasync;
}

static char *read_all(int fd, size_t *ret_len)
{
    off_t len = lseek(fd, 0, SEEK_END);
    ck_assert_int_ge(len, 0);
    char *text = calloc(1, (size_t)len + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(pread(fd, text, (size_t)len, 0), len);
    close(fd);
    *ret_len = (size_t)len;
    return text;
}

static int scratch(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

struct starting {
    const char *const *argv;
    int in, out, err;
};

/* The child of start(), which has its parent's memory until it is another program. */
static int begin_program(void *arg)
{
    const struct starting *starting = arg;
    dup2(starting->in, STDIN_FILENO);
    dup2(starting->out, STDOUT_FILENO);
    dup2(starting->err, STDERR_FILENO);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
        execv(starting->argv[0], (char *const *)(void *)(uintptr_t)starting->argv);
    _exit(127);
}

/* Starts the program, which stops before its first instruction. Not with fork(), which copies the
   test's page tables, and a page each time that either process writes to one. */
static pid_t start(struct starting *starting)
{
    _Alignas(16) static char stack[65536];
    const char *options = getenv("ASAN_OPTIONS");
    char *kept = options != NULL ? strdup(options) : NULL;
    int status;
    /* a leak checker traces its own process, which fails if another tracer is attached */
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    const pid_t pid =
        clone(begin_program, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, starting);
    ck_assert_int_gt(pid, 0);
    if (kept != NULL)
        setenv("ASAN_OPTIONS", kept, 1);
    else
        unsetenv("ASAN_OPTIONS");
    free(kept);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    return pid;
}

bool trace_reads_memory(void)
{
    const bool may = TRACE_WORKS && geteuid() == 0;
    if (!may)
        puts("SKIPPED: it needs root and x86-64: the memory of esp-tokenctl is closed to others");
    return may;
}

#if TRACE_WORKS
static void set_call(pid_t pid, unsigned long number)
{
    struct user_regs_struct regs;
    ck_assert_int_eq(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
    regs.orig_rax = number;
    ck_assert_int_eq(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
}

static void set_result(pid_t pid, int error)
{
    struct user_regs_struct regs;
    ck_assert_int_eq(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
    regs.rax = (unsigned long long)-error;
    ck_assert_int_eq(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
}

/* The byte count of write and pwrite64; of writev and pwritev only the first piece. */
static void halve_count(pid_t pid, long call)
{
    struct user_regs_struct regs;
    ck_assert_int_eq(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
    regs.rdx = call == SYS_writev || call == SYS_pwritev ? 1 : regs.rdx / 2;
    ck_assert_int_eq(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
}

#define BREAKPOINT 0xcc /* int3 */

/* The address at which the program begins, when its libraries are loaded. */
static unsigned long entry_of(pid_t pid)
{
    char file[32];
    unsigned long pair[2] = {0, 0};
    snprintf(file, sizeof file, "/proc/%d/auxv", (int)pid);
    const int fd = open(file, O_RDONLY | O_CLOEXEC);
    do
        ck_assert_int_eq(read(fd, pair, sizeof pair), sizeof pair);
    while (pair[0] != AT_ENTRY);
    close(fd);
    return pair[1];
}

/* Returns the word that the breakpoint changed. */
static long set_breakpoint(pid_t pid, unsigned long at)
{
    errno = 0;
    const long word = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
    ck_assert_int_eq(errno, 0);
    ck_assert_int_eq(ptrace(PTRACE_POKETEXT, pid, at, (word & ~0xffL) | BREAKPOINT), 0);
    return word;
}

static void clear_breakpoint(pid_t pid, unsigned long at, long word)
{
    struct user_regs_struct regs;
    ck_assert_int_eq(ptrace(PTRACE_POKETEXT, pid, at, word), 0);
    ck_assert_int_eq(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
    ck_assert_uint_eq(regs.rip, at + 1);
    regs.rip = at;
    ck_assert_int_eq(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
}
#else
static unsigned long entry_of(pid_t pid)
{
    ck_abort_msg("process %d: x86-64 alone", (int)pid);
}

static long set_breakpoint(pid_t pid, unsigned long at)
{
    ck_abort_msg("process %d, address %lx: x86-64 alone", (int)pid, at);
}

static void clear_breakpoint(pid_t pid, unsigned long at, long word)
{
    ck_abort_msg("process %d, address %lx, word %lx: x86-64 alone", (int)pid, at,
                 (unsigned long)word);
}

static void set_call(pid_t pid, unsigned long number)
{
    ck_abort_msg("process %d, call %lu: x86-64 alone", (int)pid, number);
}

static void set_result(pid_t pid, int error)
{
    ck_abort_msg("process %d, error %d: x86-64 alone", (int)pid, error);
}

static void halve_count(pid_t pid, long call)
{
    ck_abort_msg("process %d, call %ld: x86-64 alone", (int)pid, call);
}
#endif

struct tracing {
    const struct trace_plan *plan;
    struct traced *traced;
    bool counting;       /* main() has started */
    bool over;           /* main() has returned */
    bool done;           /* the plan has been carried out, so no later call matters */
    int error;           /* the result that the call will get; 0: its own */
    unsigned long entry; /* where a breakpoint waits for the end of the loader; 0: nowhere */
    long at_entry;       /* the word that belongs there */
};

/* main() starts with setrlimit(RLIMIT_CORE), which the loader never calls. */
static bool is_begin(const struct __ptrace_syscall_info *info)
{
    return info->entry.nr == SYS_prlimit64 && info->entry.args[1] == RLIMIT_CORE;
}

/* A coverage build writes its counters after main(): those are not calls of the command. */
static bool is_counters(pid_t pid, const struct __ptrace_syscall_info *info)
{
    char file[32], path[PATH_MAX] = "";
    if (info->entry.nr != SYS_openat)
        return false;
    snprintf(file, sizeof file, "/proc/%d/mem", (int)pid);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t len = pread(fd, path, sizeof path - 1, (off_t)info->entry.args[1]);
    close(fd);
    return len > 0 && strlen(path) > 5 && strcmp(path + strlen(path) - 5, ".gcda") == 0;
}

/* Returns false if the process is stopped for good. */
static bool at_entry(struct tracing *run, pid_t pid, const struct __ptrace_syscall_info *info)
{
    const struct trace_plan *plan = run->plan;
    const long call = (long)info->entry.nr;
    if (!run->counting && is_begin(info))
        run->counting = true;
    if (!run->over && is_counters(pid, info))
        run->over = true;
    if (!run->counting || run->over)
        return true;
    bool chosen = false;
    if (plan->at_call != NULL) {
        unsigned long args[6];
        for (size_t i = 0; i < 6; i++)
            args[i] = info->entry.args[i];
        chosen = plan->at_call(plan->arg, pid, call, args);
    }
    if (run->traced->calls < TRACE_CALLS_MAX)
        run->traced->made[run->traced->calls] = call;
    if ((++run->traced->calls != plan->at && !chosen) || plan->what == TRACE_COUNT)
        return true;
    run->traced->call = call;
    switch (plan->what) {
    case TRACE_SIGNAL:
        if (plan->value == SIGSTOP)
            return false;
        kill(pid, plan->value);
        break;
    case TRACE_FAIL:
        run->error = plan->value != 0 ? plan->value : trace_call_error(call);
        if (run->error != 0 && call != SYS_close) /* Linux closes the file whatever it reports */
            set_call(pid, ~0UL);
        break;
    case TRACE_FAIL_DONE:
        run->error = trace_call_fails_late(call) ? plan->value : 0;
        break;
    case TRACE_SHORT:
        if (trace_call_writes(call))
            halve_count(pid, call);
        break;
    case TRACE_COUNT:
        break;
    }
    return true;
}

static bool at_syscall(struct tracing *run, pid_t pid)
{
    struct __ptrace_syscall_info info;
    bool goes_on = true;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0)
        return true; /* killed meanwhile */
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        goes_on = at_entry(run, pid, &info);
    else if (run->error != 0) {
        set_result(pid, run->error);
        run->error = 0;
    }
    run->done = run->traced->call >= 0 && run->error == 0 && run->plan->at_call == NULL;
    return goes_on;
}

/* SIGVTALRM is the command's own timer: it comes after each second of processor time. */
static bool ends(int sig)
{
    return sig != SIGCHLD && sig != SIGCONT && sig != SIGWINCH && sig != SIGURG && sig != SIGVTALRM;
}

/* The loader's calls are a third of a command's, and none of them counts. So the command runs
   freely to its first instruction. */
static void await_entry(struct tracing *run, pid_t pid)
{
    run->entry = entry_of(pid);
    run->at_entry = set_breakpoint(pid, run->entry);
}

/* Returns whether this stop belongs to that. */
static bool passes_loader(struct tracing *run, pid_t pid, int stop, int event)
{
    if (event == PTRACE_EVENT_EXEC && !run->counting && run->entry == 0) {
        await_entry(run, pid);
        return true;
    }
    if (event != 0 || stop != SIGTRAP || run->entry == 0)
        return false;
    clear_breakpoint(pid, run->entry, run->at_entry);
    run->entry = 0;
    return true;
}

/* Runs until the first process has ended, and also its children if the plan has `at_end`. */
static void follow(struct tracing *run)
{
    const bool all = run->plan->at_end != NULL;
    const pid_t first = run->traced->pid;
    int status;
    pid_t pid;
    while ((pid = waitpid(all ? -1 : first, &status, __WALL)) > 0) {
        long sig = 0;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (pid == first)
                run->traced->status =
                    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            if (pid == first && !all)
                return;
            continue;
        }
        const int stop = WSTOPSIG(status), event = status >> 16;
        if (pid == first && passes_loader(run, pid, stop, event)) {
            /* nothing else is to be done */
        } else if (stop == (SIGTRAP | 0x80)) {
            if (pid == first && !at_syscall(run, pid)) {
                run->traced->status = -1;
                return;
            }
        } else if (event == PTRACE_EVENT_EXIT && all) {
            run->plan->at_end(run->plan->arg, pid);
        } else if (event == 0 && stop != SIGSTOP) {
            sig = stop;
            if (all && ends(stop))
                run->plan->at_end(run->plan->arg, pid);
        }
        const bool stops = pid == first && run->entry == 0 && !run->done;
        ptrace(stops ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, sig);
    }
    ck_assert_int_eq(errno, ECHILD);
}

/* The tracer and the command take turns, twice for each call. On one processor a turn costs no
   interrupt of another one. Returns the processors that were allowed before. */
static cpu_set_t share_processor(void)
{
    cpu_set_t allowed, one;
    const int processor = sched_getcpu();
    ck_assert_int_ge(processor, 0);
    ck_assert_int_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    CPU_ZERO(&one);
    CPU_SET((size_t)processor, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    return allowed;
}

struct traced trace_run(const char *const *argv, const char *input, const struct trace_plan *plan)
{
    struct traced traced = {.call = -1};
    const cpu_set_t allowed = share_processor();
    struct tracing tracing = {.plan = plan, .traced = &traced};
    struct starting starting = {argv, scratch("in"), scratch("out"), scratch("err")};
    size_t len = input != NULL ? strlen(input) : 0, ignored;
    ck_assert_int_eq(pwrite(starting.in, input, len, 0), (ssize_t)len);
    traced.pid = start(&starting);
    ck_assert_int_eq(ptrace(PTRACE_SETOPTIONS, traced.pid, NULL,
                            plan->at_end != NULL ? OPTIONS_OF_ENDS : OPTIONS),
                     0);
    await_entry(&tracing, traced.pid);
    ck_assert_int_eq(ptrace(PTRACE_CONT, traced.pid, NULL, 0), 0);
    follow(&tracing);
    ck_assert_int_eq(sched_setaffinity(0, sizeof allowed, &allowed), 0);
    close(starting.in);
    traced.out = read_all(starting.out, &traced.out_len);
    traced.err = read_all(starting.err, &ignored);
    return traced;
}

void trace_kill(struct traced *traced)
{
    int status;
    kill(traced->pid, SIGKILL);
    ck_assert_int_eq(waitpid(traced->pid, &status, __WALL), traced->pid);
    traced->status = 128 + SIGKILL;
}

bool trace_hit_sanitizer(const struct traced *traced)
{
#ifdef __SANITIZE_ADDRESS__
    return traced->call == SYS_mmap;
#else
    (void)traced;
    return false;
#endif
}

void trace_free(struct traced *traced)
{
    free(traced->out);
    free(traced->err);
}
