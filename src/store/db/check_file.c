/* SPDX-License-Identifier: ISC */
/* Checks of the store's file before LMDB opens it: format, names, owner, mode and file system. */
#include "common/trust.h"
#include "reader/meta.h"
#include "store/db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* LMDB would turn an empty file into a store, and checks little of any other file. */
static int check_format(int fd, const struct config *config, struct espt_error *err)
{
    uint32_t head[2] = {0, 0}; /* magic and version follow the page header */
    struct stat st;
    if (fstat(fd, &st) != 0)
        return db_fail(err, errno, config);
    if (st.st_size == 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the file is empty, and no store; restore a backup, or remove it and "
                         "run 'esp-tokenctl init'",
                         config->store);
    if (pread(fd, head, sizeof head, META_AT_MAGIC) != sizeof head || head[0] != META_MAGIC ||
        head[1] != META_VERSION)
        return db_fail(err, MDB_INVALID, config);
    return 0;
}

/* Under two names a store would have two sets of lock files. On a file system that cannot exchange
   two names, a restore gives the store a second name for a moment. */
static int check_names(int fd, const struct config *config, struct espt_error *err)
{
    struct stat st;
    for (int tries = 0; fstat(fd, &st) == 0 && st.st_nlink > 1; tries++) {
        if (tries == RESTORE_TRIES)
            return espt_fail(
                err, ESPT_UNUSABLE,
                "%s: the file has %lu names (hard links), and each would have locks of "
                "its own; remove the others",
                config->store, (unsigned long)st.st_nlink);
        nanosleep(&(struct timespec){.tv_nsec = RESTORE_MS * 1000000L}, NULL);
    }
    return 0;
}

static int check_open_file(int fd, const struct config *config, struct espt_error *err)
{
    int code = trust_filesystem(fd, config->store, err);
    if (code == 0)
        code = check_format(fd, config, err);
    return code == 0 ? check_names(fd, config, err) : code;
}

int db_check_file(struct config *config, struct espt_error *err)
{
    int dir, fd;
    char real[PATH_MAX];
    int code = trust_place(config->store, geteuid(), real, &dir, err);
    if (code != 0)
        return trust_missing(config->store) ? db_fail(err, ENOENT, config) : code;
    code = trust_open_at(dir, real, O_RDONLY, geteuid(), TRUST_PUBLIC, &fd, err);
    close(dir);
    if (code == ESPT_MISSING)
        return db_fail(err, ENOENT, config);
    if (code != 0)
        return strcmp(real, config->store) != 0 ? espt_fail_in(err, "%s leads there", config->store)
                                                : code;
    code = check_open_file(fd, config, err);
    close(fd);
    /* the lock files are next to the file itself, whatever link led to it */
    if (code == 0)
        memcpy(config->store, real, sizeof real);
    return code;
}
