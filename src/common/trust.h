/* SPDX-License-Identifier: ISC */
/*
 * Opens files safely (specification §4). Trusted owners are root and the effective user at open.
 *
 * MUST 1: open once, with O_CLOEXEC, O_NOCTTY and O_NONBLOCK (a FIFO would hang the host). Then
 *         check that descriptor: regular file, owner, mode, link count. Never stat a path and open
 *         it afterwards.
 * MUST 2: check every folder of the path from `/` down, and the folders of each symbolic link on
 *         the path, by descriptor. Open the next name relative to the folder that was checked. So
 *         no user can replace a component between the check and the open.
 * MUST 3: the mode of a folder above the file's own folder may let others write if root owns the
 *         folder, and it is sticky (such as /tmp) or mounted read-only (such as a ConfigMap of
 *         Kubernetes). Nobody can write to the latter through the mounts that this process sees.
 *         The file itself must not be in such a folder, and a symbolic link in it must have a
 *         trusted owner, because a mount that this process does not see may be writable.
 * MUST 4: refuse a file without a name (link count 0): it is not current. A bind mount of a single
 *         file still shows the old file after it was replaced.
 * MUST 5: hosts call this on small stacks, so no buffer of PATH_MAX bytes is on the stack.
 */
#ifndef ESPT_COMMON_TRUST_H
#define ESPT_COMMON_TRUST_H

#include "common/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum trust_level {
    TRUST_PUBLIC, /* others may read the file, but not write it */
    TRUST_SECRET, /* others may neither read nor write the file */
    TRUST_LOCK,   /* a lock file: no mode bits for group and others, and one name (link) only */
};

/* Opens `path` for reading. Trusts root and `owner`. ESPT_UNUSABLE: the message names the component
   of the path and the remedy (chown, chmod). The caller closes *ret_fd. */
ESPT_MUST_USE int trust_open(const char *path, uid_t owner, enum trust_level level, int *ret_fd,
                             struct espt_error *err);

/* A walk along a path, for a caller that opens several files: the folders above a file are not
   checked again if the next file is in the same folder. Free it soon, because folders change. NULL:
   out of memory. */
struct trust_walk;
struct trust_walk *trust_walk_new(struct espt_error *err);
void trust_walk_free(struct trust_walk *walk);
ESPT_MUST_USE int trust_walk_open(struct trust_walk *walk, const char *path, uid_t owner,
                                  enum trust_level level, int *ret_fd, struct espt_error *err);

/* Checks the folder of a file that does not exist yet, as trust_open() will check it later. */
ESPT_MUST_USE int trust_folder_of(const char *path, uid_t owner, struct espt_error *err);

/* Opens a folder for our files with O_PATH, and checks it and all folders above it. Use the
   descriptor with openat() and similar calls. To list or fsync the folder, use openat(dir, ".",
   O_RDONLY | O_DIRECTORY). The caller closes *ret_dir. */
ESPT_MUST_USE int trust_folder(const char *path, uid_t owner, int *ret_dir, struct espt_error *err);

/* As trust_folder(), for a folder in which several users create files. Root or `owner` must own it.
   Its mode is not checked: the caller requires that it is sticky if others may write to it. */
ESPT_MUST_USE int trust_shared_folder(const char *path, uid_t owner, int *ret_dir,
                                      struct espt_error *err);
ESPT_MUST_USE int trust_walk_shared_folder(struct trust_walk *walk, const char *path, uid_t owner,
                                           int *ret_dir, struct espt_error *err);

/* Finds the folder of the file `path`, and follows symbolic links of the last component too.
   `ret_real` is the file's path without links; it may be the same buffer as `path`. *ret_dir is the
   checked folder, opened as by trust_folder(). The file itself is not checked and may be missing.
 */
ESPT_MUST_USE int trust_place(const char *path, uid_t owner, char ret_real[static PATH_MAX],
                              int *ret_dir, struct espt_error *err);

/* Opens the last component of `path` in the folder `dir`, which was checked before, and checks the
   file. The last component must not be a symbolic link. `flags` as for openat(); O_CREAT creates a
   file with mode 0600. ESPT_MISSING: there is no such file. ESPT_UNUSABLE: any other error. */
ESPT_MUST_USE int trust_open_at(int dir, const char *path, int flags, uid_t owner,
                                enum trust_level level, int *ret_fd, struct espt_error *err);

/* Checks an open file. `path` is for messages. */
ESPT_MUST_USE int trust_check(int fd, const char *path, uid_t owner, enum trust_level level,
                              struct espt_error *err);

/* Opens a file as trust_open() does and reads all of it, at most `max` bytes. *ret_text has a
   terminator, which *ret_len does not count. The caller frees it (secrets: sodium_memzero first).
 */
ESPT_MUST_USE int trust_read(const char *path, uid_t owner, enum trust_level level, size_t max,
                             char **ret_text, size_t *ret_len, struct espt_error *err);

/* As trust_read(), for a descriptor from trust_open(), which stays open. */
ESPT_MUST_USE int trust_read_fd(int fd, const char *path, size_t max, char **ret_text,
                                size_t *ret_len, struct espt_error *err);

/* Whether there is no such file. Use it after a failure, for a message that says how to create it.
 */
bool trust_missing(const char *path);

/* Refuses overlayfs and network file systems, where a mapping may show old data without end. */
ESPT_MUST_USE int trust_filesystem(int fd, const char *path, struct espt_error *err);

#endif
