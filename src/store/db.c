#include "store/db.h"

#include "store/lock.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OVERTAKEN_MAX 5

/* What an opening comes to beside an error. */
enum { BUSY = LOCK_BUSY, OVERTAKEN = ASIDE_OVERTAKEN, AT_ODDS };

void db_stamp(struct state_record *state, MDB_txn *mdb)
{
    state->transaction = mdb_txn_id(mdb);
    randombytes_buf(&state->nonce, sizeof state->nonce);
}

enum state_verdict db_state(MDB_txn *mdb, MDB_dbi main, struct state_record *ret_state)
{
    struct record_key key = key_state();
    MDB_val k = {.mv_size = key.len, .mv_data = key.bytes}, value;
    if (mdb_get(mdb, main, &k, &value) != 0)
        return STATE_DAMAGED;
    return state_decode(value.mv_data, value.mv_size, ret_state);
}

/* LMDB gives up on a damaged file by abort(): here without its message, which says a line of its
   own source. */
static void on_assert(MDB_env *env, const char *message)
{
    (void)env, (void)message;
    raise(SIGABRT);
}

static int env_open(MDB_env **ret_env, const struct config *config, const char *path,
                    unsigned flags, struct espt_error *err)
{
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(env, MAX_READERS);
    if (rc == 0)
        rc = mdb_env_set_mapsize(env, config->map_size);
    if (rc == 0)
        rc = mdb_env_set_assert(env, on_assert);
    if (rc == 0)
        rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOTLS | flags, 0600);
    if (rc != 0) {
        if (env != NULL)
            mdb_env_close(env);
        return db_fail(err, rc, config);
    }
    *ret_env = env;
    return 0;
}

int db_env_open(MDB_env **ret_env, const struct config *config, bool read_only,
                struct espt_error *err)
{
    if (read_only)
        return env_open(ret_env, config, config->store, MDB_RDONLY | MDB_NOLOCK, err);
    int code = lock_reserve(config->store, err);
    return code == 0 ? env_open(ret_env, config, config->store, 0, err) : code;
}

/* How long to wait for the gate; NULL: a moment, since there is another way. */
static const struct config_wait *patience(const struct store *store)
{
    return store->reads && store->overtaken < OVERTAKEN_MAX ? NULL : &store->config.wait;
}

/* Without a table of readers a snapshot stands for as long as nobody writes: whoever does so by way
   of another mount waits for the lock. */
static int open_read_only(struct store *store, struct espt_error *err)
{
    int code = store->writer_fd >= 0 ? 0
                                     : lock_share(store->config.store, ".writer", patience(store),
                                                  &store->writer_fd, err);
    return code == 0 ? db_env_open(&store->env, &store->config, true, err) : code;
}

int db_open(struct store *store, struct espt_error *err)
{
    store->read_only = access(store->config.store, W_OK) != 0 && errno == EROFS;
    if (store->read_only)
        return open_read_only(store, err);
    /* made here, for the administrators alone: LMDB would make it by the store's mode */
    int code = lock_open(store->config.store, "-lock", &store->gate_fd, err);
    if (code == 0)
        code = lock_take(store->gate_fd, patience(store), err);
    if (code != 0)
        return code;
    code = db_env_open(&store->env, &store->config, false, err);
    lock_release(store->gate_fd);
    return code;
}

static int open_aside(struct store *store, struct espt_error *err)
{
    char path[ASIDE_PATH];
    int fd;
    int code = aside_take(&store->aside, &store->config, &fd, path, err);
    if (code != 0)
        return code;
    code = env_open(&store->env, &store->config, path, MDB_RDONLY | MDB_NOLOCK, err);
    close(fd);
    return code;
}

void db_close(struct store *store)
{
    if (store->env != NULL)
        mdb_env_close(store->env);
    aside_end(&store->aside);
    if (store->gate_fd >= 0)
        close(store->gate_fd);
    store->env = NULL;
    store->gate_fd = -1;
}

/* The beginning belongs within: after a writer that was killed LMDB looks for dead readers there,
   too. Its own mutex for writers is free, for STORE.writer is held. */
int db_begin_write(struct store *store, MDB_txn **ret_mdb, struct espt_error *err)
{
    int dead;
    int code = lock_take(store->gate_fd, &store->config.wait, err);
    if (code != 0)
        return code;
    mdb_reader_check(store->env, &dead);
    int rc = mdb_txn_begin(store->env, NULL, 0, ret_mdb);
    lock_release(store->gate_fd);
    return rc == 0 ? 0 : db_fail(err, rc, &store->config);
}

/* The gate is held. */
static int begin_read(struct store *store, MDB_txn **ret_mdb)
{
    int dead, rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret_mdb);
    if (rc != MDB_READERS_FULL)
        return rc;
    mdb_reader_check(store->env, &dead);
    return mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret_mdb);
}

/* EAGAIN: a process of this number in another PID namespace has a slot. It will end. */
static int begin_as_open(struct store *store, const struct config_wait *how, MDB_txn **ret_mdb,
                         struct espt_error *err)
{
    struct lock_wait wait = lock_wait_begin(how);
    int rc = EAGAIN, code = 0;
    if (store->read_only || aside_open(&store->aside))
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret_mdb);
    while (code == 0 && rc == EAGAIN) {
        code = lock_take(store->gate_fd, how, err);
        if (code != 0)
            return code;
        rc = begin_read(store, ret_mdb);
        lock_release(store->gate_fd);
        if (rc == EAGAIN)
            code = lock_wait_more(&wait, err);
    }
    return rc == 0 || code != 0 ? code : db_fail(err, rc, &store->config);
}

int db_begin_beside(struct store *store, MDB_txn **ret_mdb, struct espt_error *err)
{
    return begin_as_open(store, NULL, ret_mdb, err);
}

/* Handles of named databases live as long as the environment once their transaction is committed.
 */
static int open_tables(struct store *store, struct espt_error *err)
{
    MDB_txn *mdb;
    struct state_record state;
    int code = begin_as_open(store, patience(store), &mdb, err);
    if (code != 0)
        return code;
    int rc = mdb_dbi_open(mdb, NULL, 0, &store->dbi[TABLE_STATE]);
    enum state_verdict verdict = rc == 0 ? db_state(mdb, store->dbi[TABLE_STATE], &state) : 0;
    if (verdict == STATE_OLDER || verdict == STATE_NEWER) { /* its tables may be others */
        mdb_txn_abort(mdb);
        return db_fail_state(err, verdict, &store->config);
    }
    for (enum table t = TABLE_STATE + 1; rc == 0 && t < TABLE_COUNT; t++)
        rc = mdb_dbi_open(mdb, table_name(t), table_has_integer_key(t) ? MDB_INTEGERKEY : 0,
                          &store->dbi[t]);
    if (rc != 0) {
        mdb_txn_abort(mdb);
        return db_fail(err, rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE ? MDB_INVALID : rc,
                       &store->config);
    }
    const bool at_odds =
        verdict == STATE_GOOD && (state.closed || state.transaction != mdb_txn_id(mdb));
    if (aside_open(&store->aside))
        store->aside.nonce = verdict == STATE_GOOD ? state.nonce : 0;
    rc = mdb_txn_commit(mdb);
    if (rc == 0 && at_odds)
        return aside_open(&store->aside) ? OVERTAKEN : AT_ODDS;
    return rc == 0 ? 0 : db_fail(err, rc, &store->config);
}

/* A store that is being replaced is for some moments at odds with its lock file, which describes
   the old one: it is opened again. What lasts is told by txn_begin(). Where the gate is not to be
   had, or begins `busy`, a copy is; a copy that was overtaken tells that the gate was free since,
   so that is tried again. */
static int open_environment(struct store *store, bool busy, struct espt_error *err)
{
    for (int tries = 0;;) {
        int code = busy ? open_aside(store, err) : db_open(store, err);
        if (code == 0)
            code = open_tables(store, err);
        if (code <= 0 || (code == AT_ODDS && tries++ == RESTORE_TRIES))
            return code < 0 ? code : 0;
        db_close(store);
        busy = code == BUSY;
        store->overtaken += code == OVERTAKEN;
        if (code == AT_ODDS)
            nanosleep(&(struct timespec){.tv_nsec = RESTORE_MS * 1000000L}, NULL);
    }
}

static int reopen(struct store *store, bool busy, struct espt_error *err)
{
    db_close(store);
    int code = open_environment(store, busy, err);
    store->broken = code != 0;
    return code;
}

/* A copy serves for as long as nothing is newer. */
int db_begin_read(struct store *store, MDB_txn **ret_mdb, struct espt_error *err)
{
    const bool old = aside_open(&store->aside) && !aside_is_newest(&store->aside);
    int code = old ? reopen(store, false, err) : 0;
    if (code == 0)
        code = begin_as_open(store, patience(store), ret_mdb, err);
    while (code == BUSY) {
        code = reopen(store, true, err);
        if (code == 0)
            code = begin_as_open(store, patience(store), ret_mdb, err);
    }
    if (code == 0)
        store->overtaken = 0;
    return code;
}

int db_reopen(struct store *store, struct espt_error *err)
{
    store->replaced = false;
    int code = db_judge(&store->config, err);
    if (code == 0)
        code = reopen(store, false, err);
    store->broken = code != 0;
    return code;
}

static int open_store(struct store **ret_store, const struct config *config, bool reads,
                      struct espt_error *err)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    store->config = *config;
    store->writer_fd = store->gate_fd = -1;
    store->reads = reads;
    int code = db_judge(&store->config, err);
    if (code == 0)
        code = open_environment(store, false, err);
    if (code == 0 && !store->read_only && !reads)
        code = lock_open(store->config.store, ".writer", &store->writer_fd, err);
    if (code == 0)
        *ret_store = store;
    else
        store_close(store);
    return code;
}

int store_open(struct store **ret_store, const struct config *config, struct espt_error *err)
{
    return open_store(ret_store, config, false, err);
}

int store_open_to_read(struct store **ret_store, const struct config *config,
                       struct espt_error *err)
{
    return open_store(ret_store, config, true, err);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    db_close(store);
    if (store->writer_fd >= 0)
        close(store->writer_fd);
    free(store);
}

int store_as(struct store *store, const char *entity, struct espt_error *err)
{
    if (!entity_name_ok(entity, strlen(entity)))
        return espt_fail(err, ESPT_USAGE, "--as takes an entity's name");
    memcpy(store->as, entity, strlen(entity) + 1);
    return 0;
}

bool store_wrote(const struct store *store)
{
    return store->wrote;
}
