/*
 * A small file system of a test's own, that can be filled to the last block or the last inode, and
 * made read-only. It lies in a mount namespace of the test's process and goes with it.
 */
#ifndef TESTS_FAULT_SPACE_H
#define TESTS_FAULT_SPACE_H

#include "support/support.h"

#include <stdbool.h>

enum space_kind {
    SPACE_TMPFS,
    SPACE_INODES, /* a tmpfs that runs out of inodes, not of blocks */
    SPACE_EXT4,   /* in an image, by a loop device */
    SPACE_KINDS
};
extern const char *const space_names[SPACE_KINDS];

/* Mounts one, and gives its folder; NULL, told loudly with `test`'s name, where that cannot be. */
const char *space_mount(enum space_kind kind, const char *test);
/* Whether this process may mount at all; told as above. */
bool space_apart(const char *test);

/* Leaves so many blocks, or inodes, free: all others are taken by a file, or by files, beside. */
void space_fill(unsigned long left);
/* What space_fill() took is free again. */
void space_free(void);
/* A command that found none ended as the contract says: status 5, nothing on standard output, and
   one line that says so and what to do. */
void space_told(const struct run *run, const char *where);
/* The whole file system; no file may be open for writing. */
void space_read_only(bool on);

#endif
