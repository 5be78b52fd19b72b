/*
 * A place for commands that do whatever they are told: nothing else on this machine can be written.
 * It is a file system in memory, mounted at PLACE in a mount namespace of this process alone, in
 * which all others are read-only and without devices.
 */
#ifndef TESTS_FUZZ_PLACE_H
#define TESTS_FUZZ_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#define PLACE "/mnt"
#define PLACE_STORE PLACE "/tokens.mdb"

/* From now on; `writable` are the folders, up to a NULL, that stay so. False: namespaces or mounts
   are not to be had, and errno says why. */
bool place_confine(const char *const *writable);

void place_write(const char *path, const char *text, unsigned mode);

/* What stands there now is what place_reset() brings back: contents and modes. */
void place_keep(void);
void place_reset(void);
/* Of all that a command must leave as it was: everything but lock files and the counts of hosts. */
unsigned place_sum(void);

#endif
