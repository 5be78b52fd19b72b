#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TOLD_AFTER_MS 1000
#define LMDB_LOCK "-lock"
#define LMDB_LOCK_BYTES (MAX_READERS * 64 + 4096) /* a cache line for each reader, and the head */

static int fail(const char *path, struct espt_error *err)
{
    return espt_fail_file(err, path, errno,
                          "run as the store's owner, who may write to its folder");
}

int lock_open(const char *store_path, const char *suffix, int *ret_fd, struct espt_error *err)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s%s", store_path, suffix);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(path, err);
    *ret_fd = fd;
    return 0;
}

int lock_reserve(const char *store_path, struct espt_error *err)
{
    int fd = -1;
    struct stat st;
    int code = lock_open(store_path, LMDB_LOCK, &fd, err);
    if (code != 0)
        return code;
    /* a file system that cannot reserve (ENOTSUP) can only be trusted */
    if (fstat(fd, &st) == 0 && st.st_blocks * 512 < LMDB_LOCK_BYTES &&
        fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LMDB_LOCK_BYTES) != 0 &&
        (errno == ENOSPC || errno == EDQUOT))
        code = fail(store_path, err);
    close(fd);
    return code;
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct lock_wait lock_wait_begin(const struct config_wait *how)
{
    return (struct lock_wait){.how = how, .begun = monotonic_ms()};
}

/* By asking again: a blocked flock could be bounded only by a signal. */
int lock_wait_more(struct lock_wait *wait, struct espt_error *err)
{
    const int64_t waited = monotonic_ms() - wait->begun;
    const struct config_wait *how = wait->how;
    if (how == NULL && waited >= LOCK_MOMENT_MS)
        return LOCK_BUSY;
    if (how != NULL && waited >= (int64_t)how->seconds * 1000)
        return espt_fail(
            err, ESPT_UNUSABLE,
            "another esp-tokenctl is still at work on the store after %u second%s; "
            "nothing was changed; try again when it has ended, or let --wait be longer",
            how->seconds, how->seconds == 1 ? "" : "s");
    if (how != NULL && waited > TOLD_AFTER_MS && !wait->told && how->tell != NULL) {
        how->tell(how->arg);
        wait->told = true;
    }
    nanosleep(&(struct timespec){.tv_nsec = waited < 20 ? 500000 : 10000000}, NULL);
    return 0;
}

static int take(int fd, int operation, const struct config_wait *how, struct espt_error *err)
{
    struct lock_wait wait = lock_wait_begin(how);
    int code = 0;
    while (code == 0 && flock(fd, operation | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            code = lock_wait_more(&wait, err);
        else if (errno != EINTR)
            code = espt_fail(err, ESPT_UNUSABLE, "the writers' lock: %s; look at the kernel's log",
                             strerror(errno));
    }
    return code;
}

int lock_take(int fd, const struct config_wait *how, struct espt_error *err)
{
    return take(fd, LOCK_EX, how, err);
}

int lock_share(const char *store_path, const char *suffix, const struct config_wait *how,
               int *ret_fd, struct espt_error *err)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s%s", store_path, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the file system is read-only and there is no %s beside it, by which "
                         "others would be kept from writing meanwhile; copy the store to where you "
                         "may write",
                         store_path, path + strlen(store_path));
    if (fd < 0)
        return fail(path, err);
    int code = take(fd, LOCK_SH, how, err);
    if (code == 0)
        *ret_fd = fd;
    else
        close(fd);
    return code;
}

void lock_release(int fd)
{
    flock(fd, LOCK_UN);
}
