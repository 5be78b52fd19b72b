/* A new file appears whole or not at all, and never over another. */
#ifndef ESPT_STORE_PUBLISH_H
#define ESPT_STORE_PUBLISH_H

#include "common/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes `data` to `path` with exactly `mode`, durably. *ret_made is false where a file was there:
   that one is left alone. */
ESPT_MUST_USE int publish_file(const char *path, const void *data, size_t len, mode_t mode,
                               bool *ret_made, struct espt_error *err);

/* Gives the finished file `temporary` the name `path`, durably, and takes the old name away, on
   failure too. */
ESPT_MUST_USE int publish(const char *temporary, const char *path, bool *ret_made,
                          struct espt_error *err);

/* Writes `data` in the place of the file at `path` (where a link leads, if it is one), at one
   stroke and durably. */
ESPT_MUST_USE int publish_over(const char *path, const void *data, size_t len, mode_t mode,
                               struct espt_error *err);

/* The same in two steps, so that something can be done when the new file lies whole beside the old
   one. Who does not take it unlinks it; publish_take() does so where it cannot. It may be taken and
   fail all the same: its folder is not surely on the disk. */
ESPT_MUST_USE int publish_write(const char *path, const void *data, size_t len, mode_t mode,
                                char ret_temporary[static PATH_MAX], struct espt_error *err);
ESPT_MUST_USE int publish_take(const char *temporary, const char *path, bool *ret_taken,
                               struct espt_error *err);
/* Unlinks what killed processes left of these; the caller sees to it that none is at work. */
void publish_sweep(const char *path);

/* Names that were given or taken in the folder of `path` are on the disk when it returns. */
ESPT_MUST_USE int publish_sync(const char *path, struct espt_error *err);

/* A name beside `path` for a file in the making; false: too long. */
bool publish_temporary(const char *path, char *ret_name, size_t size);

#endif
