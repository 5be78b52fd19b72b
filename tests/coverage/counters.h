/* SPDX-License-Identifier: ISC */
/*
 * Included before every source of the coverage variant. It writes a process's counters also before
 * _exit(), which runs no destructor, before a signal that the process raises, and before exec.
 */
#ifndef TESTS_COVERAGE_COUNTERS_H
#define TESTS_COVERAGE_COUNTERS_H

#include <gcov.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define ESPT_COVERAGE 1

/* Defined if the fault tests' shim is loaded: calls after this one are not the command's. */
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
