#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

int lock_open(const char *store_path, int *ret_fd, struct espt_error *err)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s.writer", store_path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s; %s", path, strerror(errno),
                         errno == ENOENT ? "make its folder first"
                                         : "run as the store's owner, who may write to its folder");
    *ret_fd = fd;
    return 0;
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* By asking again: a blocked flock could be bounded only by a signal. */
int lock_take(int fd, void (*waiting)(void *arg), void *arg, struct espt_error *err)
{
    const int64_t begin = monotonic_ms();
    bool told = false;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return espt_fail(err, ESPT_UNUSABLE, "the writers' lock: %s", strerror(errno));
        int64_t waited = monotonic_ms() - begin;
        if (waited > WRITER_WAIT_SECONDS * 1000)
            return espt_fail(err, ESPT_UNUSABLE,
                             "another esp-tokenctl has been writing for %d seconds; nothing was "
                             "changed; try again when it has ended",
                             WRITER_WAIT_SECONDS);
        if (waited > 1000 && !told && waiting != NULL) {
            waiting(arg);
            told = true;
        }
        nanosleep(&(struct timespec){.tv_nsec = waited < 20 ? 500000 : 10000000}, NULL);
    }
    return 0;
}

void lock_release(int fd)
{
    flock(fd, LOCK_UN);
}
