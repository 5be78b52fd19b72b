/* SPDX-License-Identifier: ISC */
#include "store/db/reserve.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_ROOM (PATH_MAX + 16)

static void path_of(const char *store_path, char out[static PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%s.reserve", store_path);
}

static bool is_ours(int fd, struct stat *ret_st)
{
    return fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode) && ret_st->st_nlink == 1 &&
           (ret_st->st_uid == 0 || ret_st->st_uid == geteuid()) &&
           (ret_st->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

/* -1: the file is missing or not trusted. */
static int open_checked(const char *path, int flags, struct stat *ret_st)
{
    const int fd =
        open(path, flags | O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (fd < 0 || is_ours(fd, ret_st))
        return fd;
    close(fd);
    return -1;
}

/* Bytes that this user may still allocate. False: unknown. */
static bool room_of(int fd, off_t *ret_room)
{
    struct statvfs st;
    if (fstatvfs(fd, &st) != 0)
        return false;
    *ret_room = st.f_bavail > (fsblkcnt_t)(LONG_MAX / (long)st.f_frsize)
                    ? LONG_MAX
                    : (off_t)(st.f_bavail * st.f_frsize);
    return true;
}

static off_t held(const struct stat *st)
{
    const off_t blocks = (off_t)st->st_blocks * 512;
    return st->st_size < blocks ? st->st_size : blocks;
}

void reserve_refill(const char *store_path)
{
    char path[PATH_ROOM];
    struct stat st;
    off_t room;
    path_of(store_path, path);
    int fd = open_checked(path, O_CREAT, &st);
    if (fd < 0)
        return;
    if (held(&st) < RESERVE_BYTES && room_of(fd, &room) && room >= 2 * RESERVE_BYTES &&
        fallocate(fd, 0, 0, RESERVE_BYTES) != 0 && ftruncate(fd, st.st_size) != 0) {
        /* The file keeps the blocks that it could get. */
    }
    close(fd);
}

bool reserve_release(const char *store_path)
{
    char path[PATH_ROOM];
    struct stat st;
    off_t room;
    path_of(store_path, path);
    int fd = open_checked(path, 0, &st);
    if (fd < 0)
        return false;
    const off_t left = held(&st) - RESERVE_STEP;
    bool done = held(&st) > 0 && room_of(fd, &room) && room < RESERVE_BYTES;
    if (done && left <= 0)
        done = unlink(path) == 0;
    else if (done)
        done = ftruncate(fd, left) == 0;
    if (done)
        fsync(fd); /* ext4 frees the blocks only after its journal is written */
    close(fd);
    return done;
}
