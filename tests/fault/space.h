/* SPDX-License-Identifier: ISC */
/*
 * A small private file system that a test can fill to the last block or the last inode, and can
 * make read-only. It is mounted in the mount namespace of the test's process and disappears with
 * it.
 */
#ifndef TESTS_FAULT_SPACE_H
#define TESTS_FAULT_SPACE_H

#include "support/namespace.h"
#include "support/support.h"

#include <stdbool.h>

enum space_kind {
    SPACE_TMPFS,
    SPACE_INODES, /* a tmpfs that runs out of inodes, not blocks */
    SPACE_EXT4,   /* in an image, on a loop device */
    SPACE_KINDS
};
extern const char *const space_names[SPACE_KINDS];

/* Mounts one and returns its folder. If that is impossible here, prints why, with `test`'s name,
   and returns NULL. */
const char *space_mount(enum space_kind kind, const char *test);

/* Leaves `left` blocks (or inodes) free: filler files take all others. */
void space_fill(unsigned long left);
/* Frees what space_fill() took. */
void space_free(void);
/* Checks that a command which found no space ended as the contract says: status 5, nothing on
   standard output, and one line with the cause and the remedy. */
void space_check_refusal(const struct run *run, const char *where);
/* Makes the whole file system read-only, or writable again. No file may be open for writing. */
void space_read_only(bool on);

#endif
