/* SPDX-License-Identifier: ISC */
/* Creates a new store: the file with its first transaction, and the folder of usage files. */
#include "store/db/db.h"

#include "store/db/copy.h"
#include "store/db/lock.h"
#include "store/db/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first transaction: creates every table, empty, and writes the state record. */
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

/* Creates an empty file, which LMDB turns into a store. */
static int make_empty(const char *path, struct espt_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return espt_fail_file(err, path, errno, "check the owner and mode of its folder");
    close(fd);
    return 0;
}

static int fill_new(const struct config *made, struct espt_error *err)
{
    MDB_env *env;
    int code = env_open(&env, made, made->store, ENV_PRIVATE, err);
    if (code != 0)
        return code > 0 ? db_fail_replaced(err, made) : code;
    code = fill(env, made, err);
    mdb_env_close(env);
    return code == 0 ? copy_set_mode(made->store, err) : code;
}

/* Creates the store under another name and then publishes it, so that no process ever sees an
   incomplete store. */
static int make(const struct config *config, bool *ret_made, struct espt_error *err)
{
    struct config made = *config;
    char lock[PATH_MAX + 8];
    if (!publish_temporary(config->store, made.store, sizeof made.store))
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long; choose a shorter one",
                         config->store);
    int code = make_empty(made.store, err);
    if (code == 0)
        code = fill_new(&made, err);
    if (code != 0) {
        unlink(made.store);
        return code;
    }
    /* A lock file that an earlier store left here would describe that store. */
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
    int code = lock_writers(config->store, &config->wait, &fd, err);
    if (code != 0)
        return code;
    if (lstat(config->store, &st) != 0) {
        /* The note that an earlier store left here would describe the new one, if the new file got
           the old one's inode number. */
        if (ftruncate(fd, 0) != 0)
            code = espt_fail_file(err, config->store, errno, "check the kernel log (dmesg)");
        else
            code = make(config, ret_made, err);
    }
    close(fd);
    return code;
}

/* Sets the sticky bit on a folder that the group may write to, so that no host can remove the file
   of another. */
static int share(int dir)
{
    struct group *group = getgrnam(STORE_GROUP);
    if (group == NULL)
        return 0;
    if (fchown(dir, (uid_t)-1, group->gr_gid) == 0)
        return fchmod(dir, 01770);
    return errno == EPERM ? 0 : -1; /* the user may not set the group: not shared */
}

/* Whether the file of `fd` still belongs to the group of the user who made it, with `mode`,
   although the group of hosts exists now. An administrator who chose another group or mode meant
   it. */
static bool is_unshared(int fd, mode_t mode)
{
    struct stat st;
    const struct group *group = getgrnam(STORE_GROUP);
    return group != NULL && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
           st.st_gid == getegid() && st.st_gid != group->gr_gid && (st.st_mode & 07777) == mode;
}

static int open_store(const struct config *config)
{
    return open(config->store, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

bool store_unshared(const struct config *config)
{
    const int fd = open_store(config);
    const bool unshared = fd >= 0 && is_unshared(fd, 0640);
    if (fd >= 0)
        close(fd);
    return unshared;
}

enum sharing store_share(const struct config *config, bool is_new)
{
    const struct group *group = getgrnam(STORE_GROUP);
    if (group == NULL)
        return SHARING_NO_GROUP;
    if (is_new)
        return SHARING_KEPT;
    const int fd = open_store(config);
    const int dir = open(config->usage, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    const bool shared =
        fd >= 0 && is_unshared(fd, 0640) && fchown(fd, (uid_t)-1, group->gr_gid) == 0;
    if (shared && dir >= 0 && is_unshared(dir, 0700))
        (void)share(dir); /* without the folder only counts are lost */
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return shared ? SHARING_MENDED : SHARING_KEPT;
}

int store_usage_folder(const struct config *config, bool *ret_made, struct espt_error *err)
{
    const char *path = config->usage;
    bool made = mkdir(path, 0700) == 0;
    bool there = !made && errno == EEXIST;
    int dir = made ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
    int code = 0;
    if (!there && (dir < 0 || fchmod(dir, 0700) != 0 || share(dir) != 0))
        code = espt_fail_file(err, path, errno, "check the owner and mode of its parent folder");
    if (dir >= 0)
        close(dir);
    if (code == 0)
        *ret_made = made;
    return code;
}
