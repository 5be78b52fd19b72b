/* SPDX-License-Identifier: ISC */
/* Owner, group, mode and extended attributes (access control lists among them), which a new file
   takes over from the file that it replaces. */
#ifndef ESPT_STORE_DB_ATTRIBUTES_H
#define ESPT_STORE_DB_ATTRIBUTES_H

#include "common/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* The attributes that this user may not copy to the new file, as text for a message. Empty:
   none. */
struct attributes_lost {
    char what[256];
};

/* Copies the attributes of `from` to the new file `to`, which has the name `path` for now. The mode
   is limited to the bits of `most`. It loses the group's bits if the group or the access control
   list could not be copied. */
ESPT_MUST_USE int attributes_copy(int from, int to, const char *path, mode_t most,
                                  struct attributes_lost *ret_lost, struct espt_error *err);

#endif
