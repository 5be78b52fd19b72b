/* SPDX-License-Identifier: ISC */
/*
 * The socket is made under another name and renamed. A lock on the folder makes a second process
 * that starts at the same time see a socket that listens.
 */
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int refuse(const char *path, const char *why, char *err, size_t err_len)
{
    snprintf(err, err_len, "cannot listen on %s: %s", path, why);
    return -1;
}

static int address_of(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof ret->sun_path)
        return 0;
    memcpy(ret->sun_path, path, strlen(path));
    return 1;
}

static int open_folder(const char *path, char *err, size_t err_len)
{
    char folder[PATH_MAX];
    struct stat st;
    snprintf(folder, sizeof folder, "%.*s/", (int)(strrchr(path, '/') - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        refuse(path, strerror(errno), err, err_len);
    else if (st.st_uid != 0 && st.st_uid != geteuid())
        refuse(path, "its folder belongs to another user", err, err_len);
    else if (st.st_mode & (S_IWGRP | S_IWOTH))
        refuse(path, "others can write its folder; use a folder of its own", err, err_len);
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Another process holds this lock only while it starts. */
static int lock_folder(int folder)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    for (int tries = 100; tries > 0; tries--) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0)
            return 1;
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* NULL: nothing has this name, or only a socket on which no process listens. Otherwise returns why
   the name cannot be taken. */
static const char *check_present(const char *path, const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISSOCK(st.st_mode))
        return "there is a file that is not a socket; remove it";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int code =
        fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
    if (fd >= 0)
        close(fd);
    return code == ECONNREFUSED ? NULL
           : code == 0          ? "another process listens there; end it first"
                                : "whether another process listens there is unclear; remove the "
                                  "socket if none does";
}

static int publish(const char *path, unsigned mode, int backlog)
{
    char fresh[PATH_MAX];
    struct sockaddr_un address;
    snprintf(fresh, sizeof fresh, "%s.%ld", path, (long)getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    unlink(fresh); /* of an earlier process that had our number; only we can write here */
    errno = ENAMETOOLONG;
    if (address_of(fresh, &address) &&
        bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        chmod(fresh, mode) == 0 && listen(fd, backlog) == 0 && rename(fresh, path) == 0)
        return fd;
    int code = errno;
    unlink(fresh);
    close(fd);
    errno = code;
    return -1;
}

int unix_socket_open(const char *path, unsigned mode, int backlog, char *err, size_t err_len)
{
    struct sockaddr_un address;
    if (!address_of(path, &address))
        return refuse(path, "the path is longer than 107 bytes", err, err_len);
    int fd = -1, folder = open_folder(path, err, err_len);
    if (folder < 0)
        return -1;
    const char *wrong = lock_folder(folder) ? check_present(path, &address)
                                            : "another process has locked its folder";
    if (wrong == NULL)
        fd = publish(path, mode, backlog);
    if (fd < 0)
        refuse(path, wrong != NULL ? wrong : strerror(errno), err, err_len);
    close(folder);
    return fd;
}
