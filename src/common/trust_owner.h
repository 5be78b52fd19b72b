/* SPDX-License-Identifier: ISC */
/* Who may own a trusted file or folder, and who may write to it. For the files of common/trust.h.
 */
#ifndef ESPT_COMMON_TRUST_OWNER_H
#define ESPT_COMMON_TRUST_OWNER_H

#include "common/error.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Whether root or `owner` owns it. If the host's own user is unmapped, it appears as the overflow
   user, as all unmapped users do. None of them is trusted then. */
bool trust_owner_ok(const struct stat *st, uid_t owner);
/* Fails with a message that says who owns the `what` ("file" or "folder"), and the remedy. */
ESPT_MUST_USE int trust_fail_owner(const char *path, const char *what, const struct stat *st,
                                   struct espt_error *err);
/* Whether `dir`, the folder `path`, is the root of a read-only mount on a local file system, and no
   writable mount that this thread sees shows the folder. False if this cannot be determined, for
   example without /proc. */
bool trust_read_only(int dir, const char *path);
/* Fails because of a system call; `why` is its errno. */
ESPT_MUST_USE int trust_fail_call(const char *path, const char *call, int why,
                                  struct espt_error *err);

#endif
