/* SPDX-License-Identifier: ISC */
#include "store/db/lock.h"

#include "common/clock.h"
#include "common/trust.h"
#include "store/db/env.h"
#include "store/db/file_id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NOTIFY_AFTER_MS 1000
#define LMDB_LOCK "-lock"
#define LMDB_LOCK_BYTES (MAX_READERS * 64 + 4096) /* 64 bytes for each reader, and a header */

static int fail(const char *path, struct espt_error *err)
{
    return espt_fail_file(err, path, errno,
                          "run as the store's owner, who may write to its folder");
}

static int refuse(const char *path, const char *why, struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: %s, so it is not a lock file of this store; remove it while no "
                     "esp-tokenctl runs",
                     path, why);
}

/* Checks the open file, because the path may name another file by now. The message never advises to
   change owner or mode: what another user wrote there would be trusted from then on. */
static int check_lock_file(int fd, const char *path, struct espt_error *err)
{
    struct stat st;
    struct espt_error ignored;
    if (fstat(fd, &st) != 0)
        return fail(path, err);
    if (st.st_nlink == 0 || trust_check(fd, path, geteuid(), TRUST_LOCK, &ignored) == 0)
        return 0; /* it has no name: it was just removed; see lock_still_there() */
    if (!S_ISREG(st.st_mode))
        return refuse(path, "it is not a regular file", err);
    if (st.st_nlink > 1)
        return refuse(path, "it has another name (a hard link)", err);
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return refuse(path, "its mode lets others open it", err);
    return refuse(path, "it belongs to another user, not to root or this user", err);
}

/* O_NONBLOCK: a FIFO or a device must not block the command. */
static int open_checked(const char *path, int flags, int *ret_fd, struct espt_error *err)
{
    int code = trust_folder_of(path, geteuid(), err);
    if (code != 0)
        return code;
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0 && errno == ELOOP)
        return refuse(path, "it is a symbolic link", err);
    if (fd < 0 && (errno == EISDIR || errno == ENXIO))
        return refuse(path, "it is not a regular file", err);
    if (fd < 0)
        return fail(path, err);
    code = check_lock_file(fd, path, err);
    if (code == 0)
        *ret_fd = fd;
    else
        close(fd);
    return code;
}

static const char *path_of(const char *store_path, const char *suffix, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s%s", store_path, suffix);
    return ret_path;
}

int lock_open(const char *store_path, const char *suffix, int *ret_fd, struct espt_error *err)
{
    char path[PATH_MAX + 8];
    return open_checked(path_of(store_path, suffix, path, sizeof path), O_RDWR | O_CREAT, ret_fd,
                        err);
}

int lock_reserve(const char *store_path, struct espt_error *err)
{
    int fd = -1;
    struct stat st;
    int code = lock_open(store_path, LMDB_LOCK, &fd, err);
    if (code != 0)
        return code;
    /* A file system that cannot allocate in advance (ENOTSUP) can only be trusted. */
    if (fstat(fd, &st) == 0 && st.st_blocks * 512 < LMDB_LOCK_BYTES &&
        fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LMDB_LOCK_BYTES) != 0 &&
        (errno == ENOSPC || errno == EDQUOT))
        code = fail(store_path, err);
    close(fd);
    return code;
}

struct lock_wait lock_wait_begin(const struct config_wait *how)
{
    return (struct lock_wait){.how = how, .begun = monotonic_ms()};
}

/* Polls, because only a signal could bound a blocking flock(). */
int lock_wait_more(struct lock_wait *wait, struct espt_error *err)
{
    const int64_t waited = monotonic_ms() - wait->begun;
    const struct config_wait *how = wait->how;
    if (how == NULL && waited >= LOCK_MOMENT_MS)
        return LOCK_BUSY;
    const int64_t most = how != NULL ? (int64_t)how->seconds * 1000 + how->ms : 0;
    if (how != NULL && waited >= most)
        return espt_fail(err, ESPT_UNUSABLE,
                         "the store is still locked by another esp-tokenctl after %g second%s; "
                         "nothing was changed; try again later, or use a longer --wait",
                         (double)most / 1000, most == 1000 ? "" : "s");
    if (how != NULL && waited > NOTIFY_AFTER_MS && !wait->notified && how->notify != NULL) {
        how->notify(how->arg);
        wait->notified = true;
    }
    nanosleep(&(struct timespec){.tv_nsec = waited < 20 ? 500000 : 10000000}, NULL);
    return 0;
}

static int acquire(int fd, int operation, const struct config_wait *how, struct espt_error *err)
{
    struct lock_wait wait = lock_wait_begin(how);
    int code = 0;
    while (code == 0 && flock(fd, operation | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            code = lock_wait_more(&wait, err);
        else if (errno != EINTR)
            code = espt_fail(err, ESPT_UNUSABLE,
                             "cannot lock the store: %s; check the kernel log (dmesg)",
                             espt_errno_text(errno));
    }
    return code;
}

int lock_acquire(int fd, const struct config_wait *how, struct espt_error *err)
{
    return acquire(fd, LOCK_EX, how, err);
}

int lock_share(const char *store_path, const char *suffix, const struct config_wait *how,
               int *ret_fd, struct espt_error *err)
{
    char path[PATH_MAX + 8];
    int fd = -1;
    path_of(store_path, suffix, path, sizeof path);
    if (trust_missing(path))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the file system is read-only, and the lock file %s is missing; copy "
                         "the store to a writable file system",
                         store_path, path);
    int code = open_checked(path, O_RDONLY, &fd, err);
    if (code != 0)
        return code;
    code = acquire(fd, LOCK_SH, how, err);
    if (code == 0)
        *ret_fd = fd;
    else
        close(fd);
    return code;
}

int lock_still_there(int fd, const char *store_path, const char *suffix, struct espt_error *err)
{
    char path[PATH_MAX + 8];
    if (fd_is_at(fd, path_of(store_path, suffix, path, sizeof path)))
        return 0;
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: the lock file was removed or replaced meanwhile; run the command again",
                     path);
}

int lock_writers(const char *store_path, const struct config_wait *how, int *ret_fd,
                 struct espt_error *err)
{
    static const char suffix[] = ".writer";
    int fd = -1;
    int code = lock_open(store_path, suffix, &fd, err);
    if (code != 0)
        return code;
    code = lock_acquire(fd, how, err);
    if (code == 0)
        code = lock_still_there(fd, store_path, suffix, err);
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
