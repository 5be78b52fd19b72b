/* SPDX-License-Identifier: ISC */
/* Control for test_private_copy: the private copy without the check for commits made meanwhile. The
   test must see it fail. */
#include <string.h>

#define private_copy_make control_take
#define private_copy_open control_open
#define private_copy_holds control_holds
#define private_copy_is_newest control_is_newest
#define private_copy_end control_end
#define memcmp(one, other, len) 0

#include "store/db/private_copy.c"
