/* A copy takes the store's place: backup.h says by which rules. */
#include "common/when.h"
#include "store/apply.h"
#include "store/backup.h"
#include "store/clock.h"
#include "store/copy.h"
#include "store/lock.h"
#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The revision of a store that cannot be read is not known: the copy's leaps past it. */
#define REVISION_LEAP (UINT64_C(1) << 32)

/* What hosts and other commands have seen of the store that is to be replaced. */
struct past {
    bool readable;
    uint64_t revision;
    uint32_t next_number;
};

/* --- the copy, before it takes the place --- */

struct faults {
    size_t count;
    struct finding first;
};

/* What depends on today's tier table, or is merely odd, does not make a copy worse than none. */
static void on_finding(void *arg, const struct finding *finding)
{
    static const char *const grave[] = {"damaged", "index", "count", "rule", "log"};
    struct faults *faults = arg;
    for (size_t i = 0; i < sizeof grave / sizeof *grave; i++) {
        if (strcmp(finding->kind, grave[i]) != 0)
            continue;
        if (faults->count++ == 0)
            faults->first = *finding;
    }
}

static int prove(struct store *store, const struct tier_table *tiers, const char *path,
                 struct espt_error *err)
{
    struct faults faults = {0};
    size_t findings;
    int code = store_check(store, tiers, on_finding, &faults, NULL, NULL, &findings, err);
    if (code == 0 && faults.count > 0)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: the copy is not whole: %s: %s (%zu findings); take another backup",
                         path, faults.first.subject, faults.first.message, faults.count);
    return code;
}

/* One transaction of the copy's own: the revision goes on, numbers are not used again, and the log
   tells of the restoring. */
static int succeed(struct store *store, const struct past *past, const char *path,
                   struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, true, err);
    if (code != 0)
        return code;
    struct change change;
    struct changes changes = {0};
    if (txn.state.revision < past->revision)
        txn.state.revision = past->revision;
    if (txn.state.next_number < past->next_number)
        txn.state.next_number = past->next_number;
    change_note(&change, "restore", path);
    changes_add(&changes, &txn, &change);
    apply(&txn, &changes);
    code = txn_commit(&txn);
    changes_clear(&changes);
    return code;
}

static int prepare(const struct config *copy, const struct tier_table *tiers,
                   const struct actor *actor, const struct past *past, const char *path,
                   struct espt_error *err)
{
    struct store *store;
    int code = copy_file(path, copy->store, err);
    if (code == 0)
        code = copy_stamp(copy, err);
    if (code == 0)
        code = store_open(&store, copy, err);
    if (code != 0)
        return code;
    store_actor(store, actor);
    code = prove(store, tiers, path, err);
    if (code == 0)
        code = succeed(store, past, path, err);
    store_close(store);
    if (code == 0)
        code = copy_set_mode(copy->store, err);
    return code;
}

/* --- the store that is replaced --- */

static struct past read_past(const struct config *config)
{
    struct espt_error ignored;
    struct store *store;
    struct txn txn;
    struct past past = {.revision = REVISION_LEAP};
    if (store_open(&store, config, &ignored) != 0)
        return past;
    if (txn_begin(&txn, store, false, &ignored) == 0) {
        past = (struct past){true, txn.state.revision, txn.state.next_number};
        txn_abort(&txn);
    }
    store_close(store);
    return past;
}

/* Readers that hold the old file find the mark, and open the path anew. */
static void close_old(struct store *old)
{
    struct espt_error ignored;
    struct txn txn;
    if (txn_begin_locked(&txn, old, &ignored) != 0)
        return;
    txn.state.closed = true;
    if (txn_commit(&txn) != 0)
        return;
}

static bool keep_name(const char *path, char ret_kept[static PATH_MAX])
{
    char when[WHEN_TEXT_SIZE];
    struct stat st;
    when_format(clock_now(), when);
    for (int i = 0; i < 100; i++) {
        int len = snprintf(ret_kept, PATH_MAX, "%s.%.10s.%d", path, when, i);
        if (len <= 0 || len >= PATH_MAX - 8)
            return false;
        if (lstat(ret_kept, &st) != 0)
            return true;
    }
    return false;
}

/* The two change places, so that neither is ever without a name, nor under two of them. */
static int swap(const char *copy, const char *path, char kept[static PATH_MAX])
{
    if (renameat2(AT_FDCWD, copy, AT_FDCWD, path, RENAME_EXCHANGE) != 0) {
        if (errno != EINVAL && errno != ENOSYS)
            return -1;
        if (link(path, kept) != 0) /* a file system that cannot: two names for a moment */
            return -1;
        if (rename(copy, path) == 0)
            return 0;
        const int why = errno;
        unlink(kept);
        errno = why;
        return -1;
    }
    if (renameat2(AT_FDCWD, copy, AT_FDCWD, kept, RENAME_NOREPLACE) != 0)
        snprintf(kept, PATH_MAX, "%s", copy); /* it is kept under this name, then */
    return 0;
}

static int fail_replace(const char *path, struct espt_error *err)
{
    return espt_fail_file(err, path, errno, "see to its folder's owner and mode");
}

/* The lock file goes with the store that it describes. */
static int replace(const char *copy, const char *path, char ret_kept[static PATH_MAX],
                   struct espt_error *err)
{
    char kept[PATH_MAX], lock[PATH_MAX + 8], kept_lock[PATH_MAX + 8];
    struct stat st;
    ret_kept[0] = '\0';
    const bool there = lstat(path, &st) == 0;
    if (!there && errno != ENOENT)
        return fail_replace(path, err);
    if (there && !keep_name(path, kept))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: no free name to keep the old store by; move the kept ones away",
                         path);
    if ((there ? swap(copy, path, kept) : rename(copy, path)) != 0)
        return fail_replace(path, err);
    snprintf(lock, sizeof lock, "%.*s-lock", PATH_MAX - 1, path);
    snprintf(kept_lock, sizeof kept_lock, "%s-lock", there ? kept : copy);
    if (rename(lock, kept_lock) == 0 && !there)
        unlink(kept_lock);
    if (there)
        memcpy(ret_kept, kept, sizeof kept);
    return 0;
}

/* A link is followed: the file that it leads to is replaced. */
static struct config place_of(const struct config *config)
{
    struct config place = *config;
    char real[PATH_MAX];
    if (realpath(config->store, real) != NULL)
        memcpy(place.store, real, sizeof real);
    return place;
}

int store_restore(const struct config *named, const struct tier_table *tiers,
                  const struct actor *actor, const char *path, uint64_t shown, char *ret_kept,
                  struct espt_error *err)
{
    const struct config place = place_of(named), *config = &place;
    struct config copy = *config;
    struct espt_error ignored;
    struct store *old = NULL;
    int fd;
    if (!publish_temporary(config->store, copy.store, sizeof copy.store))
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long; choose a shorter one",
                         config->store);
    int code = lock_open(config->store, ".writer", &fd, err);
    if (code != 0)
        return code;
    code = lock_take(fd, &config->wait, err);
    if (code == 0) {
        const struct past past = read_past(config);
        if (past.readable ? past.revision != shown : shown != 0)
            code = espt_fail(err, ESPT_REFUSED,
                             "the store was changed meanwhile; nothing was restored; look at it "
                             "again");
        if (code == 0)
            code = prepare(&copy, tiers, actor, &past, path, err);
        copy_forget_locks(copy.store);
        if (code == 0 && store_open(&old, config, &ignored) != 0)
            old = NULL; /* damaged: hosts find by its place that it was replaced */
        if (code == 0)
            code = replace(copy.store, config->store, ret_kept, err);
        const bool unsure = code == 0 && publish_sync(config->store, err) != 0;
        if (code == 0 && !unsure && old != NULL)
            close_old(old);
        if (unsure)
            code = espt_fail_in(err, "the backup is in its place, so what the command does is "
                                     "done, but it may not outlast a power cut");
        store_close(old);
        if (strcmp(ret_kept, copy.store) != 0)
            unlink(copy.store);
        lock_release(fd);
    }
    close(fd);
    return code;
}
