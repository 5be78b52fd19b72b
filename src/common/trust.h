/*
 * Whom to trust with a file (contract §4): root, and the effective user at open.
 *
 * MUST 1: open once, with O_CLOEXEC, O_NOCTTY and O_NONBLOCK (a FIFO would hang the host), then
 * judge that descriptor: regular file, owner, mode, size. Never stat a path and open it afterwards.
 * MUST 2: the folders of the path as given and of the file that a link leads to may be written by
 *         nobody else.
 */
#ifndef ESPT_COMMON_TRUST_H
#define ESPT_COMMON_TRUST_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum trust_level {
    TRUST_PUBLIC, /* others may read, not write */
    TRUST_SECRET, /* others may neither read nor write */
};

/* Opens `path` for reading. `owner` is trusted beside root. ESPT_UNUSABLE names the path and the
   mend (chown, chmod). The caller closes *ret_fd. */
ESPT_MUST_USE int trust_open(const char *path, uid_t owner, enum trust_level level, int *ret_fd,
                             struct espt_error *err);

/* What trust_open() will say of the folder of a file that is yet to be made there. */
ESPT_MUST_USE int trust_folder_of(const char *path, uid_t owner, struct espt_error *err);

/* As trust_open, and reads the whole file: at most `max` bytes. *ret_text is NUL-terminated, `len`
   without it; the caller frees it (secrets: sodium_memzero first). */
ESPT_MUST_USE int trust_read(const char *path, uid_t owner, enum trust_level level, size_t max,
                             char **ret_text, size_t *ret_len, struct espt_error *err);

/* The same from a descriptor that trust_open() gave; it stays open. */
ESPT_MUST_USE int trust_read_fd(int fd, const char *path, size_t max, char **ret_text,
                                size_t *ret_len, struct espt_error *err);

/* No file of that name: what to do then depends on what it is for. */
bool trust_missing(const char *path);

/* Refuses overlayfs and network file systems, on which a mapping may show old data for ever. */
ESPT_MUST_USE int trust_filesystem(int fd, const char *path, struct espt_error *err);

#endif
