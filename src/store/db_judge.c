#include "common/trust.h"
#include "store/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LMDB_AT_MAGIC 16
#define LMDB_MAGIC 0xBEEFC0DEu
#define LMDB_VERSION 1u

/* LMDB would make a store of an empty file, and believe much of others. */
static int judge_format(int fd, const struct config *config, struct espt_error *err)
{
    uint32_t head[2] = {0, 0}; /* magic and version stand behind the page header */
    struct stat st;
    if (fstat(fd, &st) != 0)
        return db_fail(err, errno, config);
    if (st.st_size == 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the file is empty, and no store; restore a backup, or remove it and "
                         "run esp-tokenctl init",
                         config->store);
    if (pread(fd, head, sizeof head, LMDB_AT_MAGIC) != sizeof head || head[0] != LMDB_MAGIC ||
        head[1] != LMDB_VERSION)
        return db_fail(err, MDB_INVALID, config);
    return 0;
}

/* Under two names a store would have two sets of lock files. A restore gives it a second one for a
   moment, on file systems that cannot exchange two names. */
static int judge_names(int fd, const struct config *config, struct espt_error *err)
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

int db_judge(struct config *config, struct espt_error *err)
{
    int fd;
    char real[PATH_MAX];
    int code = trust_open(config->store, geteuid(), TRUST_PUBLIC, &fd, err);
    if (code != 0) {
        if (access(config->store, F_OK) != 0 && errno == ENOENT)
            return db_fail(err, ENOENT, config);
        return code;
    }
    code = trust_filesystem(fd, config->store, err);
    if (code == 0)
        code = judge_format(fd, config, err);
    if (code == 0)
        code = judge_names(fd, config, err);
    close(fd);
    /* the locks stand beside the file itself, whatever link led to it */
    if (code == 0 && realpath(config->store, real) == NULL)
        return db_fail(err, errno, config);
    if (code == 0)
        memcpy(config->store, real, sizeof real);
    return code;
}
