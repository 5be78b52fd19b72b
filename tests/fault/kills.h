/* SPDX-License-Identifier: ISC */
/* Shared by the tests of random kills: runs a command for a random time and counts the outcomes. */
#ifndef TESTS_FAULT_KILLS_H
#define TESTS_FAULT_KILLS_H

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Outcomes of the kills, summed over all processes of a test. */
static struct tally {
    atomic_ulong whole, absent, reported;
} * tally;

static inline void tally_begin(void)
{
    tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(tally, MAP_FAILED);
}

static inline void tally_count(int status, bool done)
{
    atomic_fetch_add(status >= 0 ? &tally->reported : done ? &tally->whole : &tally->absent, 1);
}

static inline unsigned long kills(void)
{
    const char *text = getenv("FAULT_KILLS");
    return text != NULL ? strtoul(text, NULL, 10) : 150;
}

/* Returns the exit status, or -1 if the command was killed. Kills it after `us` microseconds;
   `ret_us` (may be NULL) receives how long it ran. Both count from when it is the new program. */
static inline int run_for(const char *const *argv, long us, long *ret_us)
{
    static const int outputs[] = {STDOUT_FILENO, STDERR_FILENO};
    struct timespec begun, ended;
    posix_spawn_file_actions_t files;
    pid_t child;
    int status;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    for (size_t i = 0; i < 2; i++)
        posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, outputs[i]);
    if (posix_spawn(&child, argv[0], &files, NULL, (char *const *)(void *)(uintptr_t)argv,
                    environ) != 0)
        _exit(99);
    posix_spawn_file_actions_destroy(&files);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    if (us >= 0) {
        nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
        kill(child, SIGKILL);
    }
    if (waitpid(child, &status, 0) != child)
        _exit(99);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    if (ret_us != NULL)
        *ret_us = (ended.tv_sec - begun.tv_sec) * 1000000 + (ended.tv_nsec - begun.tv_nsec) / 1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
