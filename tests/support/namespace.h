/* SPDX-License-Identifier: ISC */
/*
 * Private mounts of a test process. Every test that mounts uses this file. So all of them are
 * skipped, with the reason, on a machine that cannot mount: without root, under a seccomp filter,
 * or in a chroot whose root folder is not a mount point (as with schroot and sbuild).
 *
 * A user who is not root gets no user namespace. In one, the system's folders belong to nobody, so
 * the product's trust checks would give other results than on a real machine.
 */
#ifndef TESTS_SUPPORT_NAMESPACE_H
#define TESTS_SUPPORT_NAMESPACE_H

#include <stdbool.h>

/* Moves this process to a mount namespace of its own; its mounts are invisible elsewhere. False:
   this is not possible, and "SKIPPED TEST: REASON" was printed. A later call in the same process
   does nothing. */
bool mounts_apart(const char *test);
/* Tries in a child whether mounts_apart(), and so `unshare --mount`, succeeds. Prints as above. */
bool mounts_possible(const char *test);

#endif
