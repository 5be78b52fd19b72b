/*
 * Stands before every source of the coverage variant: what a process ran is written down also where
 * it ends by _exit(), which runs no destructor, or by a signal of its own.
 */
#include <gcov.h>
#include <signal.h>
#include <unistd.h>

#define ESPT_COVERAGE 1

#define _exit(status) (__gcov_dump(), (_exit)(status))
#define raise(sig) (__gcov_dump(), __gcov_reset(), (raise)(sig))
/* counters live in this program alone, and another takes its place */
#define execvp(file, argv) (__gcov_dump(), __gcov_reset(), (execvp)(file, argv))
