/* SPDX-License-Identifier: ISC */
#include "store/db/env.h"

#include "common/state.h"
#include "common/trust.h"
#include "store/db/db.h"
#include "store/db/file_id.h"
#include "store/db/lock.h"

#include <errno.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* LMDB calls abort() on some damage. This handler drops its message, which quotes a line of LMDB's
   source. */
static void on_assert(MDB_env *env, const char *message)
{
    (void)env, (void)message;
    raise(SIGABRT);
}

static unsigned flags_of(enum env_use use)
{
    switch (use) {
    case ENV_SNAPSHOT:
        return MDB_RDONLY | MDB_NOLOCK;
    case ENV_PRIVATE:
        return MDB_NOLOCK;
    default:
        return 0;
    }
}

static int open_checked(MDB_env **ret_env, const struct config *config, const char *path,
                        enum env_use use, struct espt_error *err)
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
        rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOTLS | flags_of(use), 0600);
    if (rc != 0) {
        if (env != NULL)
            mdb_env_close(env);
        return db_fail(err, rc, config);
    }
    *ret_env = env;
    return 0;
}

/* MUST 2. */
static bool is_file(MDB_env *env, int fd)
{
    int opened;
    struct state_id one = {0}, other = {0};
    return mdb_env_get_fd(env, &opened) == 0 && fd_identify(opened, &one) &&
           fd_identify(fd, &other) && state_same_file(&one, &other);
}

int env_open(MDB_env **ret_env, const struct config *config, const char *path, enum env_use use,
             struct espt_error *err)
{
    int fd;
    MDB_env *env = NULL;
    int code = trust_open(path, geteuid(), TRUST_PUBLIC, &fd, err);
    if (code != 0)
        return code;
    if (use == ENV_SHARED)
        code = lock_reserve(path, err);
    if (code == 0)
        code = open_checked(&env, config, path, use, err);
    if (code == 0 && !is_file(env, fd)) {
        mdb_env_close(env);
        code = ENV_REPLACED;
    }
    close(fd);
    if (code == 0)
        *ret_env = env;
    return code;
}

int env_open_unnamed(MDB_env **ret_env, const struct config *config, int fd, struct espt_error *err)
{
    char path[32];
    struct stat st;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fstat(fd, &st) != 0)
        return espt_fail_file(err, path, errno, "check the kernel log (dmesg)");
    if (!S_ISREG(st.st_mode) || st.st_nlink != 0 || st.st_uid != geteuid() ||
        (st.st_mode & 077) != 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: not a private copy; run the command again", path);
    if (access(path, R_OK) != 0)
        return espt_fail_file(err, path, errno, "mount /proc");
    return open_checked(ret_env, config, path, ENV_SNAPSHOT, err);
}

bool env_is_at(MDB_env *env, const char *path)
{
    int fd;
    return mdb_env_get_fd(env, &fd) == 0 && fd_is_at(fd, path);
}
