#include "cli/newest.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_LEN 16

/* A regular file of this user that nobody else may write; -1: there is none to be had. */
static int open_own(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool name_path(char *out, size_t size, const char *way, const char *display)
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    char whole[PATH_MAX], hex[2 * KEY_LEN + 1];
    unsigned char key[KEY_LEN];
    if (folder == NULL || folder[0] != '/')
        folder = "/dev/shm";
    snprintf(whole, sizeof whole, "%s %s %d", way, display,
             display[0] == '\0' ? (int)getsid(0) : 0);
    crypto_generichash(key, sizeof key, (const unsigned char *)whole, strlen(whole), NULL, 0);
    sodium_bin2hex(hex, sizeof hex, key, sizeof key);
    return snprintf(out, size, "%s/esp-token-copy-%u-%s", folder, (unsigned)geteuid(), hex) <
           (int)size;
}

/* False: nobody will know of this one. */
static bool leave(const char *path, const uint8_t *number, size_t len)
{
    int fd = open_own(path);
    const bool left = fd >= 0 && pwrite(fd, number, len, 0) == (ssize_t)len;
    if (fd >= 0)
        close(fd);
    return left;
}

void newest_claim(struct newest *ret_newest, const char *way, const char *display)
{
    struct newest newest;
    randombytes_buf(newest.number, sizeof newest.number);
    if (!name_path(newest.path, sizeof newest.path, way, display != NULL ? display : "") ||
        !leave(newest.path, newest.number, sizeof newest.number))
        newest.path[0] = '\0';
    *ret_newest = newest;
}

bool newest_is(const struct newest *newest)
{
    uint8_t number[sizeof newest->number];
    int fd = newest->path[0] != '\0' ? open(newest->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0)
        return true;
    const bool other = pread(fd, number, sizeof number, 0) == (ssize_t)sizeof number &&
                       memcmp(number, newest->number, sizeof number) != 0;
    close(fd);
    return !other;
}

void newest_forget(const struct newest *newest)
{
    if (newest->path[0] != '\0')
        unlink(newest->path);
}
