/* SPDX-License-Identifier: ISC */
#include "fault/failing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The name of the call that failed, or "" if none did. */
static const char *failed_call(int fd)
{
    static char name[256];
    ssize_t len = pread(fd, name, sizeof name - 1, 0);
    name[len > 0 ? len : 0] = '\0';
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    return name;
}

struct run run_failing(const char *const *argv, const char *input, unsigned long at,
                       const char **ret_failed)
{
    static int told = -1;
    char number[32];
    if (told < 0)
        told = memfd_create("told", 0);
    snprintf(number, sizeof number, "%lu", at);
    setenv("FAULT_AT", number, 1);
    snprintf(number, sizeof number, "%d", told);
    setenv("FAULT_FD", number, 1);
    preload(SHIM);
    struct run run = run_process(argv, input);
    preload(NULL);
    unsetenv("FAULT_AT");
    *ret_failed = failed_call(told);
    /* the plugin does not close a descriptor that it cannot identify as its own */
    const bool unknown = input != NULL && strncmp(*ret_failed, "fstat", 5) == 0;
    ck_assert_msg(unknown || strstr(*ret_failed, "left descriptor") == NULL,
                  "%s (call %lu) failing: %s", argv[3], at, *ret_failed);
    return run;
}
