#include "store/db.h"

#include <errno.h>

int db_fail(struct espt_error *err, int rc, const struct config *config)
{
    const char *path = config->store;
    switch (rc) {
    case ENOENT:
        return espt_fail(err, ESPT_UNUSABLE, "%s: there is no store; make it by esp-tokenctl init",
                         path);
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

int db_fail_state(struct espt_error *err, enum state_verdict verdict, const struct config *config)
{
    if (verdict == STATE_NEWER)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: a store of a newer version; use a newer esp-tokenctl", config->store);
    if (verdict == STATE_OLDER)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: a store of an older version; bring it to this one by esp-tokenctl "
                         "upgrade",
                         config->store);
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: the state record is damaged or missing; restore a backup", config->store);
}
