/* SPDX-License-Identifier: ISC */
/* A new file appears complete or not at all. It replaces another file only through publish_over()
   and its two steps. */
#ifndef ESPT_STORE_DB_PUBLISH_H
#define ESPT_STORE_DB_PUBLISH_H

#include "common/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes `data` to `path` with exactly `mode`, durably. If a file is there already, it is left
   alone and *ret_made is false. */
ESPT_MUST_USE int publish_file(const char *path, const void *data, size_t len, mode_t mode,
                               bool *ret_made, struct espt_error *err);

/* Gives the finished file `temporary` the name `path`, durably. Removes the old name, even on
   failure. */
ESPT_MUST_USE int publish(const char *temporary, const char *path, bool *ret_made,
                          struct espt_error *err);

/* Replaces the file at `path` (if it is a link, the file to which it leads) by `data`, atomically
   and durably. The new file takes over the old one's owner, group, mode (no more than the bits of
   `most`) and extended attributes. If this user may not copy them, nothing is replaced. */
ESPT_MUST_USE int publish_over(const char *path, const void *data, size_t len, mode_t most,
                               struct espt_error *err);

/* The same in two steps, so that the caller can do something while the complete new file is next to
   the old one. A caller that does not finish must unlink it; publish_finish() does so on failure.
   publish_finish() may set *ret_taken and fail: the file is replaced, but the folder may not be on
   the disk. */
ESPT_MUST_USE int publish_write(const char *path, const void *data, size_t len, mode_t most,
                                char ret_temporary[static PATH_MAX], struct espt_error *err);
ESPT_MUST_USE int publish_finish(const char *temporary, const char *path, bool *ret_taken,
                                 struct espt_error *err);
/* `fn` is called for each temporary file next to `path`: of a process that is publishing, or that
   was killed. */
typedef void (*left_fn)(void *arg, int folder, const char *name);
void publish_each_left(const char *path, left_fn fn, void *arg);
/* Unlinks temporary files that killed processes left. The caller ensures that no other process is
   publishing. */
void publish_sweep(const char *path);

/* Syncs the folder of `path`, so that names added or removed there are on the disk on return. */
ESPT_MUST_USE int publish_sync(const char *path, struct espt_error *err);

/* A name next to `path` for a temporary file. False: it is too long. */
bool publish_temporary(const char *path, char *ret_name, size_t size);

#endif
