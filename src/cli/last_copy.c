/* SPDX-License-Identifier: ISC */
/* The file by which a process finds out whether it was the last to copy to a clipboard. */
#include "cli/last_copy.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_LEN 16

/* Opens a regular file that this user owns and no other user may write. Returns -1 if there is
   none. */
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

/* Writes the number to the file. False: other processes cannot see this copy. */
static bool leave(const char *path, const uint8_t *number, size_t len)
{
    int fd = open_own(path);
    const bool left = fd >= 0 && pwrite(fd, number, len, 0) == (ssize_t)len;
    if (fd >= 0)
        close(fd);
    return left;
}

void last_copy_claim(struct last_copy *ret_mine, const char *way, const char *display)
{
    struct last_copy mine;
    randombytes_buf(mine.number, sizeof mine.number);
    if (!name_path(mine.path, sizeof mine.path, way, display != NULL ? display : "") ||
        !leave(mine.path, mine.number, sizeof mine.number))
        mine.path[0] = '\0';
    *ret_mine = mine;
}

bool last_copy_is_mine(const struct last_copy *mine)
{
    uint8_t number[sizeof mine->number];
    int fd = mine->path[0] != '\0' ? open(mine->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0)
        return true;
    const bool other = pread(fd, number, sizeof number, 0) == (ssize_t)sizeof number &&
                       memcmp(number, mine->number, sizeof number) != 0;
    close(fd);
    return !other;
}

void last_copy_forget(const struct last_copy *mine)
{
    if (mine->path[0] != '\0')
        unlink(mine->path);
}
