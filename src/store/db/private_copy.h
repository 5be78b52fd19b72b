/* SPDX-License-Identifier: ISC */
/*
 * A private copy of the store's newest state, taken without a lock: the fallback for read-only
 * commands while a stopped process holds the lock that is needed to register as an LMDB reader
 * (lock.h). The copy is a file without a name, in a folder for temporary files. It holds what the
 * store holds, so no secret key.
 *
 * The copy is one committed state, for the reason that src/reader/confirm.c gives.
 */
#ifndef ESPT_STORE_DB_PRIVATE_COPY_H
#define ESPT_STORE_DB_PRIVATE_COPY_H

#include "common/config.h"
#include "common/state.h"
#include "reader/reader.h"

#define PRIVATE_COPY_OVERTAKEN 2 /* writers committed meanwhile: nothing was copied; try again */

struct private_copy {
    struct reader reader;  /* of the store's file; without a mapping if there is no copy */
    struct state_id state; /* the state of the copy; private_copy_holds() sets it */
};

/* Takes the copy. The caller closes *ret_fd, and calls private_copy_end() after a failure as
   well. */
ESPT_MUST_USE int private_copy_make(struct private_copy *copy, const struct config *config,
                                    int *ret_fd, struct espt_error *err);
bool private_copy_open(const struct private_copy *copy);
/* Notes the state record that was read from the copy. */
void private_copy_holds(struct private_copy *copy, const struct state_record *state);
/* True: the file at `path` is in the state that the copy holds. */
bool private_copy_is_newest(struct private_copy *copy, const char *path);
void private_copy_end(struct private_copy *copy);

#endif
