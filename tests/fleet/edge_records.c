/* SPDX-License-Identifier: ISC */
/* Compares the records of an edge with those of a site. */
#include "fleet/members.h"
#include "fleet/ops.h"
#include "support/raw_store.h"

#include <lmdb.h>

struct table_of {
    MDB_env *env;
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc;
};

static void must(int rc)
{
    ck_assert_msg(rc == 0, "%s", mdb_strerror(rc));
}

static void open_store(struct table_of *ret, const struct member *member)
{
    must(mdb_env_create(&ret->env));
    must(mdb_env_set_maxdbs(ret->env, TABLE_COUNT));
    must(mdb_env_open(ret->env, in_folder(member->folder, "tokens.mdb"),
                      MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600));
    must(mdb_txn_begin(ret->env, NULL, MDB_RDONLY, &ret->txn));
}

static void next(struct table_of *walk, MDB_cursor_op op)
{
    walk->rc = mdb_cursor_get(walk->cursor, &walk->key, &walk->value, op);
    ck_assert(walk->rc == 0 || walk->rc == MDB_NOTFOUND);
}

static void open_table(struct table_of *walk, enum table table)
{
    MDB_dbi dbi;
    must(mdb_dbi_open(walk->txn, table_name(table),
                      table_has_integer_key(table) ? MDB_INTEGERKEY : 0, &dbi));
    must(mdb_cursor_open(walk->txn, dbi, &walk->cursor));
    next(walk, MDB_FIRST);
}

/* The record as an edge has it. */
static size_t as_edge(enum table table, const struct table_of *walk, uint8_t *out)
{
    struct record_key key = {.len = walk->key.mv_size};
    memcpy(key.bytes, walk->key.mv_data, key.len);
    if (table == TABLE_ENTITIES)
        return entity_strip(&key, walk->value.mv_data, walk->value.mv_size, out);
    memcpy(out, walk->value.mv_data, walk->value.mv_size);
    return walk->value.mv_size;
}

static void same_table(struct table_of *edge, struct table_of *site, enum table table)
{
    open_table(edge, table);
    open_table(site, table);
    for (; edge->rc == 0 && site->rc == 0; next(edge, MDB_NEXT), next(site, MDB_NEXT)) {
        uint8_t wanted[RECORD_MAX];
        const size_t len = as_edge(table, site, wanted);
        ck_assert_msg(edge->key.mv_size == site->key.mv_size &&
                          memcmp(edge->key.mv_data, site->key.mv_data, site->key.mv_size) == 0 &&
                          edge->value.mv_size == len &&
                          memcmp(edge->value.mv_data, wanted, len) == 0,
                      "table %s differs", table_name(table));
    }
    ck_assert_msg(edge->rc == site->rc, "table %s: one has more", table_name(table));
    mdb_cursor_close(edge->cursor);
    mdb_cursor_close(site->cursor);
}

static void empty_table(struct table_of *edge, enum table table)
{
    open_table(edge, table);
    ck_assert_msg(edge->rc == MDB_NOTFOUND, "table %s is not empty", table_name(table));
    mdb_cursor_close(edge->cursor);
}

void fleet_same_edge(const struct fleet_of *fleet, int edge, int site)
{
    struct table_of of_edge, of_site;
    fleet_is_whole(&fleet->site[edge]);
    ck_assert_uint_eq(fleet_stands(&fleet->site[edge]), fleet_entry(fleet, site));
    open_store(&of_edge, &fleet->site[edge]);
    open_store(&of_site, &fleet->site[site]);
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        if (part_has(PART_EDGE, t))
            same_table(&of_edge, &of_site, t);
        else if (t != TABLE_USAGE && t != TABLE_FOLDED && t != TABLE_LOG)
            empty_table(&of_edge, t);
    }
    mdb_txn_abort(of_edge.txn);
    mdb_env_close(of_edge.env);
    mdb_txn_abort(of_site.txn);
    mdb_env_close(of_site.env);
}

void edge_commit(const struct raw_store *raw, MDB_txn *txn,
                 void (*change)(struct state_record *state, int64_t value), int64_t value)
{
    const struct record_key key = key_state();
    struct state_record state = {0};
    MDB_val now;
    uint8_t out[RECORD_MAX];
    ck_assert(raw_get(raw, txn, TABLE_STATE, &key, &now));
    ck_assert_int_eq(state_decode(now.mv_data, now.mv_size, &state), STATE_GOOD);
    state.transaction = mdb_txn_id(txn);
    state.revision++;
    state.nonce++;
    if (change != NULL)
        change(&state, value);
    raw_put(raw, txn, TABLE_STATE, &key, out, state_encode(&state, out));
    must(mdb_txn_commit(txn));
}

static void change_fresh(struct state_record *state, int64_t fresh)
{
    state->position.fresh = fresh;
}

void edge_set_fresh(const struct member *edge, int64_t fresh)
{
    struct raw_store raw;
    raw_open(&raw, in_folder(edge->folder, "tokens.mdb"), 0);
    edge_commit(&raw, raw_begin(&raw), change_fresh, fresh);
    raw_close(&raw);
}
