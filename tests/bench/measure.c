/* SPDX-License-Identifier: ISC */
/* Time, interleaved rounds, child processes and the end of a run. */
#include "bench/bench.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t thread_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void interleave(struct series *const *series, size_t count, unsigned rounds)
{
    for (size_t i = 0; i < count; i++) {
        series[i]->count = 0;
        (void)series[i]->run(series[i]->arg); /* a warm-up round */
    }
    for (unsigned round = 0; round < rounds && round < ROUNDS_MAX; round++) {
        for (size_t i = 0; i < count; i++)
            series[i]->sample[series[i]->count++] = series[i]->run(series[i]->arg);
    }
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double median(const struct series *series)
{
    double sorted[ROUNDS_MAX];
    size_t n = series->count;
    memcpy(sorted, series->sample, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    return n % 2 != 0 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

pid_t fork_bound(void)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0)
        die("no process: %s", strerror(errno));
    if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
        _exit(EXIT_FAILURE);
    return pid;
}

void reap(pid_t pid, const char *who)
{
    int status;
    if (waitpid(pid, &status, 0) != pid)
        die("%s: %s", who, strerror(errno));
    if (WIFSIGNALED(status))
        die("%s was ended by signal %d", who, WTERMSIG(status));
    if (status != 0)
        die("%s failed with status %d", who, WEXITSTATUS(status));
}

void must_live(pid_t pid, const char *who)
{
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
        return;
    reap(pid, who);
    die("%s ended early", who);
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(EXIT_FAILURE);
}

void progress(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("  ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}
