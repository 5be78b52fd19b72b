/* SPDX-License-Identifier: ISC */
/* The latest times in a store, to compare with the clock. */
#ifndef ESPT_STORE_NEWEST_H
#define ESPT_STORE_NEWEST_H

#include "store/store.h"

struct newest {
    int64_t logged; /* of the last entry of the log, Unix seconds; 0: the log is empty */
    int64_t drawn;  /* when the highest id was drawn; 0: there is no token */
};
ESPT_MUST_USE int store_newest(struct store *store, struct newest *ret_newest,
                               struct espt_error *err);

#endif
