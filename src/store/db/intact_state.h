/* SPDX-License-Identifier: ISC */
/* What intact.c knows about the pages of the committed state, for intact.c and intact_path.c. */
#ifndef ESPT_STORE_DB_INTACT_STATE_H
#define ESPT_STORE_DB_INTACT_STATE_H

#include "store/db/pages.h"

#define TOUCHED_MAX 512

struct intact {
    struct pages pages;
    bool begun;      /* `pages` has taken the state of the transaction */
    uint64_t room;   /* the number of pages for which the arrays below have room */
    uint8_t *listed; /* one bit for each page: it is listed as free */
    uint64_t *slot;  /* for each page: the slot that leads to it, if it was proved; else 0 */
    uint64_t touched[TOUCHED_MAX]; /* pages whose slot is not 0; valid if the count is not above
                                      TOUCHED_MAX */
    size_t touched_count;
};

/* Fails the transaction, and names the damaged page. */
int intact_damaged(struct txn *txn, unsigned tree, uint64_t page, const char *wrong);

#endif
