/*
 * Stands before every source of the coverage variant: what a process ran is written down also where
 * it ends by _exit(), which runs no destructor, by a signal of its own, or by becoming another.
 */
#ifndef TESTS_COVERAGE_COUNTERS_H
#define TESTS_COVERAGE_COUNTERS_H

#include <gcov.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define ESPT_COVERAGE 1

/* The fault tests' shim, where it is loaded: what is called from here on is not the command's. */
void fault_over(void) __attribute__((weak));

static inline __attribute__((unused)) void counters_write(void)
{
    if (fault_over != NULL)
        fault_over();
    __gcov_dump();
    __gcov_reset();
}

#define _exit(status) (counters_write(), (_exit)(status))
#define raise(sig) (counters_write(), (raise)(sig))
#define execvp(file, argv) (counters_write(), (execvp)(file, argv))

#endif
