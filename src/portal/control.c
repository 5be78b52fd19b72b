/* SPDX-License-Identifier: ISC */
#include "portal/control.h"

#include "portal/message.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int control_send(int control, enum control_word word, int fd)
{
    const unsigned char byte = (unsigned char)word;
    return packet_send(control, &byte, 1, fd);
}

enum control_word control_receive(int control, int *ret_fd)
{
    unsigned char byte;
    *ret_fd = -1;
    if (packet_receive(control, &byte, 1, ret_fd) == 1 && byte <= CONTROL_READY)
        return (enum control_word)byte;
    return CONTROL_END;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Closes the descriptors in the gaps between those that are kept. */
static void close_others(const int *kept)
{
    int sorted[32] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
    size_t count = 3;
    for (; *kept >= 0 && count < sizeof sorted / sizeof *sorted; kept++)
        sorted[count++] = *kept;
    qsort(sorted, count, sizeof *sorted, by_number);
    for (size_t i = 0; i < count; i++) {
        const unsigned from = (unsigned)sorted[i] + 1;
        const unsigned to = i + 1 < count ? (unsigned)sorted[i + 1] : ~0U;
        if (from < to)
            close_range(from, to - (i + 1 < count), 0);
    }
}

void child_begin(const char *name, const int *kept)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
    sigset_t none;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_NAME, name);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prctl(PR_SET_DUMPABLE, 0);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    close_others(kept);
}
