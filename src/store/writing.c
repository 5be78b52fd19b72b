/* SPDX-License-Identifier: ISC */
#include "store/writing.h"

#include "store/apply.h"
#include "store/begin.h"
#include "store/log.h"

int writing_begin(struct writing *ret_writing, struct store *store, struct espt_error *err)
{
    ret_writing->changes = (struct changes){0};
    return store_begin(&ret_writing->txn, store, true, err);
}

int writing_end_applied(struct writing *writing)
{
    log_append(&writing->txn, &writing->changes);
    int code = txn_commit(&writing->txn);
    changes_clear(&writing->changes);
    return code;
}

int writing_end(struct writing *writing)
{
    apply_from(&writing->txn, &writing->changes, 0);
    return writing_end_applied(writing);
}
