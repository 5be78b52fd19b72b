/* SPDX-License-Identifier: ISC */
/* The identity of the file that a descriptor has open. */
#ifndef ESPT_STORE_DB_FILE_ID_H
#define ESPT_STORE_DB_FILE_ID_H

#include "common/state.h"

#include <stdbool.h>

/* Sets device and inode. False: the file has no name any more, or fstat() failed. */
bool fd_identify(int fd, struct state_id *id);
/* True: `path` names the open file. False: it does not, or this could not be determined. */
bool fd_is_at(int fd, const char *path);

#endif
