/* SPDX-License-Identifier: ISC */
/* The state record: reading it from a snapshot, and stamping it for a commit. */
#include "store/db/db.h"

#include <lmdb.h>
#include <sodium.h>

void db_stamp(struct state_record *state, MDB_txn *mdb)
{
    state->transaction = mdb_txn_id(mdb);
    randombytes_buf(&state->nonce, sizeof state->nonce);
}

int store_not_edge(const struct store *store, struct espt_error *err)
{
    return store->edge ? espt_fail(err, ESPT_REFUSED,
                                   "%s: this is an edge: it holds only what validators need; run "
                                   "the command at a site",
                                   store->config.store)
                       : 0;
}

enum state_verdict db_state(MDB_txn *mdb, MDB_dbi main, struct state_record *ret_state)
{
    struct record_key key = key_state();
    MDB_val k = {.mv_size = key.len, .mv_data = key.bytes}, value;
    if (mdb_get(mdb, main, &k, &value) != 0)
        return STATE_DAMAGED;
    enum state_verdict verdict = state_decode(value.mv_data, value.mv_size, ret_state);
    return verdict == STATE_GOOD && ret_state->schema < STORE_SCHEMA ? STATE_OLDER : verdict;
}
