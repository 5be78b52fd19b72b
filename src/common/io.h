/* SPDX-License-Identifier: ISC */
/* Writing to a descriptor until everything is written. */
#ifndef ESPT_COMMON_IO_H
#define ESPT_COMMON_IO_H

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

/* Writes all `len` bytes at the offset `at` (-1: where the descriptor is), and continues after a
   signal and after a partial write. Returns 0, or -1 with errno set; then an unknown part was
   written. A write of 0 bytes counts as a full disk. */
static inline int write_all_at(int fd, const void *data, size_t len, off_t at)
{
    const char *next = data;
    while (len > 0) {
        const ssize_t written = at < 0 ? write(fd, next, len) : pwrite(fd, next, len, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written == 0)
            errno = ENOSPC;
        if (written <= 0)
            return -1;
        next += written;
        at += at < 0 ? 0 : written;
        len -= (size_t)written;
    }
    return 0;
}

static inline int write_all(int fd, const void *data, size_t len)
{
    return write_all_at(fd, data, len, -1);
}

#endif
