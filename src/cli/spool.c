/* SPDX-License-Identifier: ISC */
/* Holds output in memory, then in an unlinked file, until the transaction has ended. */
#include "cli/spool.h"

#include "common/io.h"

#include "store/db/unnamed.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_ROOM 4096
#define CHUNK ((size_t)1 << 14)

/* Appends the bytes in memory to the file. A part that a full disk accepted does not count: `filed`
   is the length of the file. */
static bool move_to_file(struct spool *spool)
{
    const char *folder;
    if (spool->unfiled)
        return false;
    if (spool->filed == 0)
        spool->fd = unnamed_open(&folder);
    if (spool->fd < 0 || lseek(spool->fd, spool->filed, SEEK_SET) < 0 ||
        write_all(spool->fd, spool->bytes, spool->len) != 0) {
        if (spool->fd >= 0 && spool->filed == 0)
            close(spool->fd);
        spool->unfiled = true;
        return false;
    }
    spool->filed += (off_t)spool->len;
    spool->len = 0;
    return true;
}

static bool make_room(struct spool *spool, size_t len)
{
    size_t room = spool->room > 0 ? spool->room : FIRST_ROOM;
    while (room - spool->len < len)
        room *= 2;
    if (room == spool->room)
        return true;
    char *bytes = realloc(spool->bytes, room);
    if (bytes == NULL)
        return false;
    spool->bytes = bytes;
    spool->room = room;
    return true;
}

bool spool_put(struct spool *spool, const char *bytes, size_t len)
{
    if (spool->len > 0 && spool->len + len > SPOOL_MEMORY)
        (void)move_to_file(spool); /* if that fails, memory grows */
    if (!make_room(spool, len))
        return false;
    memcpy(spool->bytes + spool->len, bytes, len);
    spool->len += len;
    return true;
}

static bool drain_file(struct spool *spool, int fd)
{
    char chunk[CHUNK];
    bool good = true;
    for (off_t at = 0; good && at < spool->filed;) {
        const size_t left = (size_t)(spool->filed - at);
        const ssize_t got = pread(spool->fd, chunk, left < CHUNK ? left : CHUNK, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO; /* no other process has the file, so it cannot be shorter */
        good = got > 0 && write_all(fd, chunk, (size_t)got) == 0;
        at += got;
    }
    return good;
}

bool spool_drain(struct spool *spool, int fd)
{
    const bool filed = spool->filed > 0;
    const bool good =
        (!filed || drain_file(spool, fd)) && write_all(fd, spool->bytes, spool->len) == 0;
    const int why = errno;
    if (filed)
        close(spool->fd);
    if (spool->bytes != NULL)
        sodium_memzero(spool->bytes, spool->room);
    free(spool->bytes);
    *spool = (struct spool){0};
    errno = why;
    return good;
}
