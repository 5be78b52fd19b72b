/* SPDX-License-Identifier: ISC */
/* Error messages for LMDB's return codes and for the verdicts on a state record. */
#include "store/db/db.h"

#include "store/db/slots.h"

#include <errno.h>
#include <lmdb.h>

/* The slot with the oldest state, as mdb_reader_list() prints it. */
struct oldest {
    int pid; /* 0: none */
    unsigned long long state;
};

static int look_at_slot(const char *line, void *arg)
{
    struct oldest *oldest = arg;
    int pid;
    unsigned long long state;
    if (db_slot_parse(line, &pid, &state) && (oldest->pid == 0 || state < oldest->state))
        *oldest = (struct oldest){pid, state};
    return 0;
}

int db_fail_full(struct espt_error *err, MDB_env *env, const struct config *config)
{
    struct oldest oldest = {0};
    MDB_envinfo info;
    char process[PROCESS_NAME_SIZE];
    if (mdb_env_info(env, &info) != 0 || mdb_reader_list(env, look_at_slot, &oldest) < 0 ||
        oldest.pid == 0 || oldest.state >= info.me_last_txnid)
        return db_fail(err, MDB_MAP_FULL, config);
    process_name(oldest.pid, process);
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: map_size is used up; %s holds state %llu, %llu transactions old; end it, "
                     "or raise [store] map_size in %s",
                     config->store, process, oldest.state, info.me_last_txnid - oldest.state,
                     config->file);
}

int db_fail(struct espt_error *err, int rc, const struct config *config)
{
    const char *path = config->store;
    switch (rc) {
    case ENOENT:
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: there is no store; run 'esp-tokenctl init' to create it", path);
    case EACCES:
    case EPERM:
        return espt_fail(err, ESPT_UNUSABLE, "%s: permission denied; run as the store's owner",
                         path);
    case EROFS:
        return espt_fail(err, ESPT_UNUSABLE, "%s: the file system is read-only; mount it writable",
                         path);
    case ENOSPC:
    case EDQUOT:
        return espt_fail(err, ESPT_UNUSABLE, "%s: the disk is full; free some space", path);
    case EIO:
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the disk failed or is full; free some space, or look at the kernel's "
                         "log",
                         path);
    case MDB_MAP_FULL:
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the store has reached its map_size; raise [store] map_size in %s",
                         path, config->file);
    case MDB_READERS_FULL:
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: too many esp-tokenctl processes are reading; end some of them", path);
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
        return espt_fail(
            err, ESPT_UNUSABLE,
            "%s: not a store of this format; name the store in %s, or restore a backup", path,
            config->file);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
        return espt_fail(err, ESPT_UNUSABLE, "%s: the store is damaged; restore a backup", path);
    default:
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s", path, mdb_strerror(rc));
    }
}

int db_fail_replaced(struct espt_error *err, const struct config *config)
{
    return espt_fail(
        err, ESPT_UNUSABLE,
        "%s: another esp-tokenctl is replacing the store; nothing was changed; try again",
        config->store);
}

int db_fail_state(struct espt_error *err, enum state_verdict verdict, const struct config *config)
{
    if (verdict == STATE_NEWER)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: a store of a newer version; use a newer esp-tokenctl", config->store);
    if (verdict == STATE_OLDER)
        return espt_fail(
            err, ESPT_UNUSABLE,
            "%s: a store of an older version; run 'esp-tokenctl upgrade' to convert it",
            config->store);
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: the state record is damaged or missing; restore a backup", config->store);
}
