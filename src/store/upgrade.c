/* A store of schema 1 becomes one of this schema: backup.h. */
#include "store/apply.h"
#include "store/backup.h"
#include "store/copy.h"
#include "store/lock.h"
#include "store/schema1.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which schema the newest snapshot has; its state record, if it is an older one. */
static int read_schema(struct store *store, unsigned *ret_schema, struct state_record *ret_state,
                       struct espt_error *err)
{
    MDB_txn *mdb;
    MDB_dbi main;
    struct state_record state;
    int code = db_begin_read(store, &mdb, err);
    if (code != 0)
        return code;
    int rc = mdb_dbi_open(mdb, NULL, 0, &main);
    struct record_key key = key_state();
    MDB_val k = {.mv_size = key.len, .mv_data = key.bytes}, v;
    if (rc == 0)
        rc = mdb_get(mdb, main, &k, &v);
    enum state_verdict verdict = rc == 0 ? state_decode(v.mv_data, v.mv_size, &state) : 0;
    *ret_schema = verdict == STATE_OLDER ? state_schema(v.mv_data, v.mv_size) : STORE_SCHEMA;
    if (verdict == STATE_OLDER)
        verdict = schema1_state(v.mv_data, v.mv_size, ret_state) ? STATE_GOOD : STATE_DAMAGED;
    mdb_txn_abort(mdb);
    return verdict == STATE_GOOD ? 0 : db_fail_state(err, verdict, &store->config);
}

/* Every record of a table, by its key: what was written moves the others. */
static void convert(struct txn *txn, enum table table)
{
    struct record_key at = {0};
    uint8_t value[RECORD_MAX];
    size_t len = 0;
    bool first = true;
    while (txn->code == 0) {
        struct walk walk;
        walk_begin(&walk, txn, table, first ? NULL : &at, 0);
        bool found = walk_next(&walk);
        if (found && !first)
            found = walk_next(&walk);
        if (found &&
            !schema1_convert(table, &walk.key, walk.value.mv_data, walk.value.mv_size, value, &len))
            txn_damaged(txn, table, "something");
        walk_end(&walk);
        if (!found)
            return;
        at = walk.key;
        first = false;
        txn_put(txn, table, &at, value, len);
    }
}

static void open_tables(struct txn *txn)
{
    struct store *store = txn->store;
    int rc = mdb_dbi_open(txn->mdb, NULL, 0, &store->dbi[TABLE_STATE]);
    for (enum table t = TABLE_STATE + 1; rc == 0 && t < TABLE_COUNT; t++)
        rc = mdb_dbi_open(txn->mdb, table_name(t),
                          (t >= TABLE_FOREIGN ? MDB_CREATE : 0) |
                              (table_has_integer_key(t) ? MDB_INTEGERKEY : 0),
                          &store->dbi[t]);
    if (rc != 0)
        txn->code = db_fail(txn->err, rc, &store->config);
}

static int convert_all(struct store *store, const struct state_record *state,
                       struct espt_error *err)
{
    struct txn txn = {.store = store, .writes = true, .err = err, .state = *state};
    struct change change;
    struct changes changes = {0};
    int code = db_begin_write(store, &txn.mdb, err);
    if (code != 0)
        return code;
    if (state->transaction + 1 != mdb_txn_id(txn.mdb))
        txn_fail(&txn, ESPT_UNUSABLE,
                 "%s: another program than esp-tokenctl has written to the store; restore a backup",
                 store->config.store);
    open_tables(&txn);
    for (enum table t = TABLE_AUTH; t < TABLE_FOREIGN; t++)
        convert(&txn, t);
    change_note(&change, "upgrade", "schema 1 to 2");
    changes_add(&changes, &txn, &change);
    apply(&txn, &changes);
    changes_clear(&changes);
    return txn_commit(&txn);
}

/* The store as it was, beside itself: under a name that is free. */
static int keep(struct store *store, unsigned schema, char *ret_kept, struct espt_error *err)
{
    char kept[PATH_MAX];
    struct stat st;
    int len = snprintf(kept, sizeof kept, "%s.schema-%u", store->config.store, schema);
    if (len <= 0 || len >= PATH_MAX)
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long for a backup beside it",
                         store->config.store);
    if (lstat(kept, &st) == 0)
        return espt_fail(err, ESPT_REFUSED,
                         "%s: an earlier upgrade left this backup; move it away first", kept);
    int code = copy_write(store, kept, false, err);
    if (code != 0)
        return code;
    code = copy_set_mode(kept, err);
    if (code == 0)
        memcpy(ret_kept, kept, sizeof kept);
    else
        unlink(kept);
    return code;
}

/* Where nothing was converted, as on a full disk, the old form need not be kept, and the command
   can be run again. Who cannot be sure keeps it. */
static void keep_no_more(struct store *store, unsigned from, char *kept)
{
    unsigned schema = 0;
    struct state_record state = {0};
    struct espt_error ignored;
    db_close(store);
    if (db_open(store, &ignored) != 0 || read_schema(store, &schema, &state, &ignored) != 0 ||
        schema != from)
        return;
    unlink(kept);
    kept[0] = '\0';
}

static int upgrade(struct store *store, unsigned *ret_from, char *ret_kept, struct espt_error *err)
{
    struct state_record state = {0};
    int code = db_open(store, err);
    if (code == 0)
        code = read_schema(store, ret_from, &state, err);
    if (code != 0 || *ret_from == STORE_SCHEMA)
        return code;
    code = keep(store, *ret_from, ret_kept, err);
    if (code != 0)
        return code;
    code = convert_all(store, &state, err);
    if (code != 0)
        keep_no_more(store, *ret_from, ret_kept);
    return code;
}

int store_upgrade(const struct config *config, const struct actor *actor, unsigned *ret_from,
                  char *ret_kept, struct espt_error *err)
{
    struct store store = {.config = *config, .writer_fd = -1, .gate_fd = -1};
    ret_kept[0] = '\0';
    int code = db_judge(&store.config, err);
    if (code == 0)
        code = lock_open(store.config.store, ".writer", &store.writer_fd, err);
    if (code != 0)
        return code;
    code = lock_take(store.writer_fd, &config->wait, err);
    if (code == 0) {
        store_actor(&store, actor);
        code = upgrade(&store, ret_from, ret_kept, err);
        db_close(&store);
        lock_release(store.writer_fd);
    }
    close(store.writer_fd);
    return code;
}
