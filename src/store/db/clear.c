/* SPDX-License-Identifier: ISC */
/* Deletes many records of a table. */
#include "store/db/db.h"

#include <stdlib.h>

/* Keys are collected before they are deleted, because a write moves records. */
#define TOGETHER 4096

void txn_clear(struct txn *txn, enum table table, keeps_fn keeps, void *arg)
{
    struct record_key *keys = calloc(TOGETHER, sizeof *keys), at = {0};
    size_t count = TOGETHER;
    if (keys == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    while (txn->code == 0 && count == TOGETHER) {
        struct walk walk;
        count = 0;
        walk_begin_after(&walk, txn, table, &at);
        while (count < TOGETHER && walk_next(&walk))
            keys[count++] = walk.key;
        walk_end(&walk);
        if (count > 0)
            at = keys[count - 1];
        for (size_t i = 0; txn->code == 0 && i < count; i++) {
            if (keeps == NULL || !keeps(arg, &keys[i]))
                txn_delete_if_there(txn, table, &keys[i]);
        }
    }
    free(keys);
}
