#include "store/copy.h"

#include "common/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1 << 16)

static int fail(const char *path, struct espt_error *err)
{
    return espt_fail_file(err, path, errno, "see to its folder's owner and mode");
}

static int create(const char *path, int *ret_fd, struct espt_error *err)
{
    *ret_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *ret_fd >= 0 ? 0 : fail(path, err);
}

/* On the disk, or gone. */
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

/* LMDB copies in a transaction of its own, which it begins without the gate. So it does that in an
   environment without locks; `held` keeps the pages of its own snapshot, and of those after it. */
static int open_beside(struct store *store, MDB_txn **ret_held, MDB_env **ret_env,
                       struct espt_error *err)
{
    int fd = -1, beside = -1;
    struct stat st, other;
    int code = db_begin_read(store, ret_held, err);
    if (code != 0)
        return code;
    code = db_env_open(ret_env, &store->config, true, err);
    if (code == 0 &&
        (mdb_env_get_fd(store->env, &fd) != 0 || mdb_env_get_fd(*ret_env, &beside) != 0 ||
         fstat(fd, &st) != 0 || fstat(beside, &other) != 0 || st.st_ino != other.st_ino ||
         st.st_dev != other.st_dev)) {
        mdb_env_close(*ret_env);
        code = espt_fail(err, ESPT_UNUSABLE, "%s: this store was replaced meanwhile; try again",
                         store->config.store);
    }
    if (code != 0)
        mdb_txn_abort(*ret_held);
    return code;
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
        int rc = mdb_env_copyfd2(env, fd, compact ? MDB_CP_COMPACT : 0);
        if (rc > 0) {
            errno = rc;
            code = fail(path, err);
        } else if (rc != 0) {
            code = db_fail(err, rc, &store->config);
        }
        code = finish(fd, path, code, err);
    }
    mdb_env_close(env);
    mdb_txn_abort(held);
    return code;
}

static int stamp_once(MDB_env *env)
{
    MDB_txn *txn;
    MDB_dbi main;
    struct state_record state;
    int rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc != 0)
        return rc;
    rc = mdb_dbi_open(txn, NULL, 0, &main);
    if (rc == 0 && db_state(txn, main, &state) != STATE_GOOD)
        rc = MDB_CORRUPTED;
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
    int code = db_env_open(&env, config, false, err);
    if (code != 0)
        return code;
    int rc = stamp_once(env);
    if (rc == 0)
        rc = stamp_once(env);
    mdb_env_close(env);
    return rc == 0 ? 0 : db_fail(err, rc, config);
}

/* Hands the file on, chunk by chunk. */
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
    while (len > 0) {
        ssize_t written = write(*fd, bytes, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        bytes = (const char *)bytes + written;
        len -= (size_t)written;
    }
    return 0;
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

void copy_forget_locks(const char *path)
{
    char lock[PATH_MAX + 8];
    snprintf(lock, sizeof lock, "%s-lock", path);
    unlink(lock);
    snprintf(lock, sizeof lock, "%s.writer", path);
    unlink(lock);
}

int copy_set_mode(const char *path, struct espt_error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(path, err);
    struct group *group = getgrnam(STORE_GROUP);
    int rc = 0;
    /* who is neither root nor in the group keeps the own one */
    if (group != NULL && fchown(fd, (uid_t)-1, group->gr_gid) != 0 && errno != EPERM)
        rc = -1;
    if (rc == 0)
        rc = fchmod(fd, 0640);
    int code = rc == 0 ? trust_filesystem(fd, path, err) : fail(path, err);
    close(fd);
    return code;
}
