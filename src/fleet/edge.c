/* SPDX-License-Identifier: ISC */
/* The store of an edge. */
#include "fleet/member.h"

/* Every change that a store has ever had is in its log, so a file whose log is empty never held a
   token. A page of LMDB keeps its bytes after its records are deleted. */
void edge_may_begin(struct txn *txn)
{
    if (txn->code == 0 && !txn->state.edge && txn_entries(txn, TABLE_LOG) > 0)
        txn_fail(txn, ESPT_REFUSED,
                 "%s: this store has held tokens, and their names and texts stay in the free pages "
                 "of its file, which an edge must not have; nothing was changed; move the file "
                 "away, run 'esp-tokenctl init', and 'esp-tokenctl fleet join --edge' again",
                 txn->store->config.store);
}
