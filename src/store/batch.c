/* SPDX-License-Identifier: ISC */
#include "store/batch_item.h"

#include "store/apply.h"
#include "store/begin.h"
#include "store/log.h"
#include "store/tokens.h"

#include <stdlib.h>

int batch_open(struct batch **ret_batch, struct store *store, const struct tier_table *tiers,
               bool dry, struct espt_error *err)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    batch->store = store;
    batch->tiers = tiers;
    batch->dry = dry;
    *ret_batch = batch;
    return 0;
}

static void forget(struct batch *batch)
{
    changes_clear(&batch->changes);
    batch->open = false;
}

void batch_close(struct batch *batch)
{
    if (batch == NULL)
        return;
    if (batch->open)
        txn_abort(&batch->txn);
    forget(batch);
    free(batch);
}

int batch_commit(struct batch *batch, struct espt_error *err)
{
    if (!batch->open || batch->dry)
        return 0;
    if (batch->changes.count == 0) { /* every item existed already or was refused */
        txn_abort(&batch->txn);
        forget(batch);
        return 0;
    }
    batch->txn.err = err;
    if (batch->txn.defers_tokens)
        apply_deferred(&batch->txn, &batch->changes);
    log_append(&batch->txn, &batch->changes);
    int code = txn_commit(&batch->txn);
    batch->failed = code != 0;
    forget(batch);
    return code;
}

/* --- one item --- */

int batch_item_begin(struct batch *batch, bool made, struct espt_error *err)
{
    if (batch->failed)
        return espt_fail(err, ESPT_UNUSABLE, "an earlier write failed; run the command again");
    batch->txn.err = err;
    if (batch->open && batch->txn.defers_tokens == made)
        return 0;
    int code = batch_commit(batch, err);
    if (code == 0)
        code = store_begin(&batch->txn, batch->store, true, err);
    batch->open = code == 0;
    batch->txn.defers_tokens = made;
    return code;
}

int batch_item_end(struct batch *batch, size_t from)
{
    struct txn *txn = &batch->txn;
    const int code = txn_forgive(txn);
    if (code != 0 && txn->code == 0) {
        batch->changes.count = from;
        return code;
    }
    apply_from(txn, &batch->changes, from);
    if (txn->code == 0)
        return 0;
    const int failure = txn->code;
    batch->failed = true;
    txn_abort(txn);
    forget(batch);
    return failure;
}

int batch_entity_add(struct batch *batch, const struct entity_new *wanted,
                     struct entity *ret_entity, struct token *ret_token, char *ret_text,
                     struct espt_error *err)
{
    int code = batch_item_begin(batch, true, err);
    if (code != 0)
        return code;
    const size_t from = batch->changes.count;
    entity_create(&batch->txn, batch->tiers, wanted, &batch->changes, ret_entity, ret_token,
                  ret_text);
    return batch_item_end(batch, from);
}

int batch_token_create(struct batch *batch, const struct token_new *wanted, struct token *ret_token,
                       char *ret_text, struct espt_error *err)
{
    int code = batch_item_begin(batch, true, err);
    if (code != 0)
        return code;
    const size_t from = batch->changes.count;
    token_create(&batch->txn, batch->tiers, wanted, &batch->changes, ret_token, ret_text);
    return batch_item_end(batch, from);
}
