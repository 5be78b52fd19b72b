/* SPDX-License-Identifier: ISC */
#include "store/db/copy.h"

#include "common/io.h"
#include "common/trust.h"
#include "store/db/file_id.h"
#include "store/db/older.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <lmdb.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1 << 16)
#define STORE_MODE_MOST 0644 /* others may read a store, but never write it */

static int fail(const char *path, struct espt_error *err)
{
    return espt_fail_file(err, path, errno, "check the owner and mode of its folder");
}

static int create(const char *path, int *ret_fd, struct espt_error *err)
{
    int code = trust_folder_of(path, geteuid(), err);
    if (code != 0)
        return code;
    *ret_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *ret_fd >= 0 ? 0 : fail(path, err);
}

/* On return the file is on the disk, or it is removed. */
static int finish(int fd, const char *path, int code, struct espt_error *err)
{
    if (code == 0 && fsync(fd) != 0)
        code = fail(path, err);
    if (close(fd) != 0 && code == 0)
        code = fail(path, err);
    if (code != 0)
        unlink(path);
    return code;
}

static bool same_file(MDB_env *one, MDB_env *other)
{
    int fd;
    struct state_id a = {0}, b = {0};
    return mdb_env_get_fd(one, &fd) == 0 && fd_identify(fd, &a) &&
           mdb_env_get_fd(other, &fd) == 0 && fd_identify(fd, &b) && state_same_file(&a, &b);
}

/* LMDB copies in a transaction of its own, which it begins without the gate. So the copy uses an
   environment without locks. The transaction `held` keeps the pages of its own snapshot, and of
   later ones, from being overwritten. */
static int open_beside(struct store *store, MDB_txn **ret_held, MDB_env **ret_env,
                       struct espt_error *err)
{
    int code = db_begin_read(store, ret_held, err);
    if (code != 0)
        return code;
    *ret_env = NULL;
    if (private_copy_open(&store->copy)) /* no other process writes to it: no locks */
        return 0;
    code = env_open(ret_env, &store->config, store->config.store, ENV_SNAPSHOT, err);
    if (code == 0 && !same_file(store->env, *ret_env)) {
        mdb_env_close(*ret_env);
        code = ENV_REPLACED;
    }
    if (code != 0)
        mdb_txn_abort(*ret_held);
    return code > 0 ? db_fail_replaced(err, &store->config) : code;
}

int copy_write(struct store *store, const char *path, bool compact, struct espt_error *err)
{
    int fd;
    MDB_txn *held;
    MDB_env *env;
    int code = open_beside(store, &held, &env, err);
    if (code != 0)
        return code;
    code = create(path, &fd, err);
    if (code == 0) {
        int rc = mdb_env_copyfd2(env != NULL ? env : store->env, fd, compact ? MDB_CP_COMPACT : 0);
        if (rc > 0) {
            errno = rc;
            code = fail(path, err);
        } else if (rc != 0) {
            code = db_fail(err, rc, &store->config);
        }
        code = finish(fd, path, code, err);
    }
    if (env != NULL)
        mdb_env_close(env);
    mdb_txn_abort(held);
    return code;
}

static int stamp_once(MDB_env *env)
{
    MDB_txn *txn;
    MDB_dbi main;
    struct state_record state = {0};
    int rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc != 0)
        return rc;
    rc = mdb_dbi_open(txn, NULL, 0, &main);
    /* A copy of the previous schema becomes one of this schema: its records are readable as they
       are. */
    if (rc == 0 && db_state(txn, main, &state) != STATE_GOOD && state.schema != STORE_SCHEMA_READ)
        rc = MDB_CORRUPTED;
    if (rc == 0 && state.schema == STORE_SCHEMA_READ)
        rc = older_add_tables(txn);
    if (rc == 0) {
        struct record_key key = key_state();
        uint8_t value[RECORD_MAX];
        db_stamp(&state, txn);
        state.closed = false;
        MDB_val k = {.mv_size = key.len, .mv_data = key.bytes};
        MDB_val v = {.mv_size = state_encode(&state, value), .mv_data = value};
        rc = mdb_put(txn, main, &k, &v, 0);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

int copy_stamp(const struct config *config, struct espt_error *err)
{
    MDB_env *env;
    int code = env_open(&env, config, config->store, ENV_PRIVATE, err);
    if (code != 0)
        return code > 0 ? db_fail_replaced(err, config) : code;
    int rc = stamp_once(env);
    if (rc == 0)
        rc = stamp_once(env);
    mdb_env_close(env);
    return rc == 0 ? 0 : db_fail(err, rc, config);
}

/* Passes the file to `fn` chunk by chunk. */
static int read_through(const char *path, int (*fn)(void *arg, const void *bytes, size_t len),
                        void *arg, uint64_t *ret_bytes, struct espt_error *err)
{
    int fd;
    int code = trust_open(path, geteuid(), TRUST_PUBLIC, &fd, err);
    if (code != 0)
        return code;
    char *chunk = malloc(CHUNK);
    uint64_t bytes = 0;
    ssize_t got = -1;
    if (chunk == NULL)
        code = espt_fail(err, ESPT_UNUSABLE, "out of memory");
    while (code == 0 && (got = read(fd, chunk, CHUNK)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || fn(arg, chunk, (size_t)got) != 0)
            code = fail(path, err);
        bytes += got > 0 ? (uint64_t)got : 0;
    }
    free(chunk);
    close(fd);
    if (code == 0)
        *ret_bytes = bytes;
    return code;
}

static int add_to_digest(void *arg, const void *bytes, size_t len)
{
    return crypto_hash_sha256_update(arg, bytes, len);
}

int copy_digest(const char *path, uint8_t ret_sum[static 32], uint64_t *ret_bytes,
                struct espt_error *err)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    int code = read_through(path, add_to_digest, &state, ret_bytes, err);
    if (code == 0)
        crypto_hash_sha256_final(&state, ret_sum);
    return code;
}

static int add_to_file(void *arg, const void *bytes, size_t len)
{
    const int *fd = arg;
    return write_all(*fd, bytes, len);
}

int copy_file(const char *from, const char *to, struct espt_error *err)
{
    int fd;
    uint64_t bytes;
    int code = create(to, &fd, err);
    if (code != 0)
        return code;
    code = read_through(from, add_to_file, &fd, &bytes, err);
    return finish(fd, to, code, err);
}

int copy_set_mode(const char *path, struct espt_error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(path, err);
    struct group *group = getgrnam(STORE_GROUP);
    int rc = 0;
    /* if this user is neither root nor in the group, the file keeps the user's own group */
    if (group != NULL && fchown(fd, (uid_t)-1, group->gr_gid) != 0 && errno != EPERM)
        rc = -1;
    if (rc == 0)
        rc = fchmod(fd, 0640);
    int code = rc == 0 ? trust_filesystem(fd, path, err) : fail(path, err);
    close(fd);
    return code;
}

int copy_attributes(const char *store, const char *path, struct attributes_lost *ret_lost,
                    struct espt_error *err)
{
    int from;
    ret_lost->what[0] = '\0';
    if (trust_open(store, geteuid(), TRUST_PUBLIC, &from, err) != 0)
        return copy_set_mode(path, err);
    int to = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int code =
        to >= 0 ? attributes_copy(from, to, path, STORE_MODE_MOST, ret_lost, err) : fail(path, err);
    if (to >= 0)
        close(to);
    close(from);
    return code;
}
