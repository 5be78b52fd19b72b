/* SPDX-License-Identifier: ISC */
/* Mount namespaces of test processes. */
#include "support/namespace.h"

#include "support/support.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum outcome { APART, NO_NAMESPACE, NO_PRIVATE_ROOT };

/* Makes a private mount namespace. If the outcome is not APART, errno says why. */
static enum outcome go_apart(void)
{
    if (unshare(CLONE_NEWNS) != 0)
        return NO_NAMESPACE;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? APART : NO_PRIVATE_ROOT;
}

static bool report(const char *test, enum outcome outcome, int error)
{
    if (outcome == NO_NAMESPACE)
        printf("SKIPPED %s: it needs root and a mount namespace: %s\n", test, strerror(error));
    else if (outcome == NO_PRIVATE_ROOT && error == EINVAL)
        printf("SKIPPED %s: the root folder is no mount point, so mounts would reach others\n",
               test);
    else if (outcome == NO_PRIVATE_ROOT)
        printf("SKIPPED %s: it needs mounts of its own: %s\n", test, strerror(error));
    fflush(stdout); /* the process may end by _exit() */
    return outcome == APART;
}

bool mounts_apart(const char *test)
{
    static pid_t
        apart; /* the process that moved; a forked child has another pid, and moves again */
    if (apart == getpid())
        return true;
    const enum outcome outcome = go_apart();
    if (outcome == APART)
        apart = getpid();
    return report(test, outcome, errno);
}

bool mounts_possible(const char *test)
{
    int status, pipes[2], error = 0;
    ck_assert_int_eq(pipe(pipes), 0);
    const pid_t child = fork_child();
    if (child == 0) {
        const enum outcome outcome = go_apart();
        error = errno;
        _exit(write(pipes[1], &error, sizeof error) == sizeof error ? (int)outcome : NO_NAMESPACE);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && read(pipes[0], &error, sizeof error) == sizeof error);
    close(pipes[0]);
    close(pipes[1]);
    return report(test, (enum outcome)WEXITSTATUS(status), error);
}
