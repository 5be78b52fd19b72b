#include "store/db.h"

#include "store/copy.h"
#include "store/lock.h"
#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first transaction: every table, empty, and the state. */
static int fill(MDB_env *env, const struct config *config, struct espt_error *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc != 0)
        return db_fail(err, rc, config);
    MDB_dbi dbi;
    for (enum table t = TABLE_STATE + 1; rc == 0 && t < TABLE_COUNT; t++)
        rc = mdb_dbi_open(txn, table_name(t),
                          MDB_CREATE | (table_has_integer_key(t) ? MDB_INTEGERKEY : 0), &dbi);
    if (rc == 0)
        rc = mdb_dbi_open(txn, NULL, 0, &dbi);
    if (rc == 0) {
        struct state_record state = {.revision = 1, .next_number = 1};
        struct record_key key = key_state();
        uint8_t value[RECORD_MAX];
        db_stamp(&state, txn);
        MDB_val k = {.mv_size = key.len, .mv_data = key.bytes};
        MDB_val v = {.mv_size = state_encode(&state, value), .mv_data = value};
        rc = mdb_put(txn, dbi, &k, &v, 0);
    }
    if (rc != 0)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    return rc == 0 ? 0 : db_fail(err, rc, config);
}

/* Made under another name, then published whole, so that no process ever sees a half-made store. */
static int make(const struct config *config, bool *ret_made, struct espt_error *err)
{
    struct config made = *config;
    char lock[PATH_MAX + 8];
    if (!publish_temporary(config->store, made.store, sizeof made.store))
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long; choose a shorter one",
                         config->store);
    snprintf(lock, sizeof lock, "%s-lock", made.store);
    MDB_env *env;
    int code = db_env_open(&env, &made, false, err);
    if (code == 0) {
        code = fill(env, &made, err);
        mdb_env_close(env);
        if (code == 0)
            code = copy_set_mode(made.store, err);
    }
    unlink(lock);
    if (code != 0) {
        unlink(made.store);
        return code;
    }
    /* a lock file left by a store that was here before would describe that one */
    snprintf(lock, sizeof lock, "%s-lock", config->store);
    unlink(lock);
    return publish(made.store, config->store, ret_made, err);
}

int store_create(const struct config *config, bool *ret_made, struct espt_error *err)
{
    struct stat st;
    *ret_made = false;
    if (lstat(config->store, &st) == 0)
        return 0;
    int fd;
    int code = lock_open(config->store, ".writer", &fd, err);
    if (code != 0)
        return code;
    code = lock_take(fd, &config->wait, err);
    if (code == 0) {
        if (lstat(config->store, &st) != 0)
            code = make(config, ret_made, err);
        lock_release(fd);
    }
    close(fd);
    return code;
}

/* Sticky where the group may write: no host takes another's file away. */
static int share(int dir)
{
    struct group *group = getgrnam(STORE_GROUP);
    if (group == NULL)
        return 0;
    if (fchown(dir, (uid_t)-1, group->gr_gid) == 0)
        return fchmod(dir, 01770);
    return errno == EPERM ? 0 : -1; /* who is neither root nor in the group keeps it to itself */
}

int store_usage_folder(const struct config *config, bool *ret_made, struct espt_error *err)
{
    const char *path = config->usage;
    bool made = mkdir(path, 0700) == 0;
    bool there = !made && errno == EEXIST;
    int dir = made ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
    int code = 0;
    if (!there && (dir < 0 || fchmod(dir, 0700) != 0 || share(dir) != 0))
        code = espt_fail_file(err, path, errno, "see to its parent's owner and mode");
    if (dir >= 0)
        close(dir);
    if (code == 0)
        *ret_made = made;
    return code;
}
