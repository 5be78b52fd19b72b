/* SPDX-License-Identifier: ISC */
#include "portal/passes_file.h"

#include "common/clock.h"
#include "common/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".portal"

static int fail(const struct passes *passes, const char *call, struct espt_error *err)
{
    return espt_fail_call(err, passes->path, call, errno, "");
}

int passes_write(struct passes *passes, size_t slot, const void *record, bool durable,
                 struct espt_error *err)
{
    const ssize_t written =
        pwrite(passes->fd, record, PASSES_RECORD, (off_t)(slot * PASSES_RECORD));
    if (written != PASSES_RECORD)
        return fail(passes, "pwrite", err);
    if (durable && fdatasync(passes->fd) != 0)
        return fail(passes, "fdatasync", err);
    return 0;
}

int passes_lock(struct passes *passes, int64_t wait_ms, struct espt_error *err)
{
    const int64_t begun = monotonic_ms();
    while (flock(passes->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EINTR && errno != EWOULDBLOCK)
            return fail(passes, "flock", err);
        if (monotonic_ms() - begun >= wait_ms)
            return espt_fail(err, ESPT_UNUSABLE,
                             "%s: another process keeps the file locked; end it, or try again "
                             "later",
                             passes->path);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return 0;
}

void passes_unlock(const struct passes *passes)
{
    flock(passes->fd, LOCK_UN);
}

/* Allocates every block of a file that is new, or whose making was interrupted. */
static int make(struct passes *passes, struct espt_error *err)
{
    struct stat st;
    int code = passes_lock(passes, PASSES_WAIT_MS, err);
    if (code != 0)
        return code;
    if (fstat(passes->fd, &st) != 0)
        code = fail(passes, "fstat", err);
    else if ((size_t)st.st_size > PASSES_FILE_SIZE)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: not a file of sign-in links and sessions; remove it, and everyone "
                         "signs in again",
                         passes->path);
    else if ((size_t)st.st_size < PASSES_FILE_SIZE &&
             (errno = posix_fallocate(passes->fd, 0, (off_t)PASSES_FILE_SIZE)) != 0)
        code = espt_fail_file(err, passes->path, errno, "check the disk");
    passes_unlock(passes);
    return code;
}

static void drop(struct passes *passes)
{
    if (passes->map != NULL)
        munmap((void *)(uintptr_t)passes->map, PASSES_FILE_SIZE);
    if (passes->fd >= 0)
        close(passes->fd);
    passes->map = NULL;
    passes->fd = -1;
}

static int open_file(struct passes *passes, struct espt_error *err)
{
    char real[PATH_MAX];
    int dir;
    int code = trust_place(passes->path, geteuid(), real, &dir, err);
    if (code != 0)
        return code;
    code = trust_open_at(dir, real, O_RDWR | O_CREAT, geteuid(), TRUST_LOCK, &passes->fd, err);
    close(dir);
    if (code == 0)
        code = make(passes, err);
    if (code == 0) {
        void *map = mmap(NULL, PASSES_FILE_SIZE, PROT_READ, MAP_SHARED, passes->fd, 0);
        if (map == MAP_FAILED)
            code = fail(passes, "mmap", err);
        else
            passes->map = map;
    }
    if (code != 0)
        drop(passes);
    return code;
}

int passes_open(struct passes **ret_passes, const struct config *config, struct espt_error *err)
{
    char real[PATH_MAX];
    int dir;
    struct passes *passes = calloc(1, sizeof *passes);
    if (passes == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    passes->fd = -1;
    int code = trust_place(config->store, geteuid(), real, &dir, err);
    if (code == 0) {
        close(dir);
        if (strlen(real) + sizeof SUFFIX > sizeof passes->path)
            code = espt_fail(err, ESPT_UNUSABLE, "the store's path is too long; shorten it");
    }
    if (code == 0) {
        memcpy(passes->path, real, strlen(real));
        memcpy(passes->path + strlen(real), SUFFIX, sizeof SUFFIX);
        code = open_file(passes, err);
    }
    if (code == 0)
        *ret_passes = passes;
    else
        free(passes);
    return code;
}

void passes_close(struct passes *passes)
{
    if (passes != NULL)
        drop(passes);
    free(passes);
}

int passes_refresh(struct passes *passes, struct espt_error *err)
{
    struct stat st;
    if (passes->fd >= 0 && fstat(passes->fd, &st) == 0 && st.st_nlink > 0 &&
        (size_t)st.st_size >= PASSES_FILE_SIZE)
        return 0;
    drop(passes);
    return open_file(passes, err);
}
