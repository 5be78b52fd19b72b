/* SPDX-License-Identifier: ISC */
/*
 * A confined folder for arbitrary commands: they cannot write anything else on this machine. It is
 * a tmpfs at PLACE in a mount namespace of this process, in which all other file systems are
 * read-only and without devices.
 */
#ifndef TESTS_FUZZ_PLACE_H
#define TESTS_FUZZ_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#define PLACE "/mnt"
#define PLACE_STORE PLACE "/tokens.mdb"

/* Confines this process. The folders in `writable`, which ends with NULL, stay writable. False:
   namespaces or mounts are not available; errno says why. */
bool place_confine(const char *const *writable);

void place_write(const char *path, const char *text, unsigned mode);

/* Saves the contents and modes of all files. place_reset() restores them. */
void place_keep(void);
void place_reset(void);
/* A checksum over everything that a reading command must not change: all files except lock files,
   usage files and the reserve. */
unsigned place_sum(void);

#endif
