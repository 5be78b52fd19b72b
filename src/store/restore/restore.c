/* SPDX-License-Identifier: ISC */
/* restore: proves a copy, makes it the successor of the store, and replaces the store by it. The
   rules are in backup.h. */
#include "common/trust.h"
#include "store/apply.h"
#include "store/backup.h"
#include "store/begin.h"
#include "store/changes.h"
#include "store/db/copy.h"
#include "store/db/lock.h"
#include "store/db/publish.h"
#include "store/restore/copy.h"
#include "store/restore/keep.h"
#include "store/restore/replace.h"

#include <string.h>
#include <unistd.h>

/* If the store's revision cannot be read, the copy's revision is raised by this much. */
#define REVISION_LEAP (UINT64_C(1) << 32)

/* What hosts and other commands know of the store that is replaced. */
struct past {
    const struct config *config;
    bool readable;
    uint64_t revision;
    uint32_t next_number;
    bool fleet;
};

/* --- the copy, before the replacement --- */

/* One transaction in the copy raises the revision, ensures that entity numbers are not used again,
   and logs the restore. */
static int succeed(struct store *store, const struct past *past, const struct restore_wish *wish,
                   struct espt_error *err)
{
    struct txn txn;
    int code = store_begin(&txn, store, true, err);
    if (code != 0)
        return code;
    struct change change;
    struct changes changes = {0};
    if (txn.state.fleet)
        txn_fail(&txn, ESPT_REFUSED,
                 "%s: this is a backup of a store of a fleet; run 'esp-tokenctl init' and "
                 "'esp-tokenctl fleet join' to get the state of the fleet",
                 wish->path);
    if (!past->readable)
        txn.state.revision += REVISION_LEAP;
    else if (txn.state.revision < past->revision)
        txn.state.revision = past->revision;
    if (txn.state.next_number < past->next_number)
        txn.state.next_number = past->next_number;
    change_note(&change, "restore", wish->path);
    changes_add(&changes, &txn, &change);
    apply(&txn, &changes);
    if (wish->keeps_removed)
        restore_keep_removed_of(&txn, past->config);
    code = txn_commit(&txn);
    changes_clear(&changes);
    return code;
}

static int prepare(const struct config *copy, const struct tier_table *tiers,
                   const struct actor *actor, const struct past *past,
                   const struct restore_wish *wish, struct espt_error *err)
{
    struct store *store;
    int code = restore_copy_open(&store, copy, tiers, actor, wish->path, err);
    if (code != 0)
        return code;
    code = succeed(store, past, wish, err);
    store_close(store);
    return code;
}

/* --- the store that is replaced --- */

static struct past read_past(const struct config *config, int locked_fd)
{
    struct espt_error ignored;
    struct store *store;
    struct txn txn;
    struct past past = {.config = config, .readable = false};
    if (db_open_locked(&store, config, locked_fd, &ignored) != 0)
        return past;
    if (store_begin(&txn, store, false, &ignored) == 0) {
        past = (struct past){.config = config,
                             .readable = true,
                             .revision = txn.state.revision,
                             .next_number = txn.state.next_number,
                             .fleet = txn.state.fleet};
        txn_abort(&txn);
    }
    store_close(store);
    return past;
}

/* Checks the lock file first: one that another user planted would make the store look damaged and
   raise the copy's revision. */
static int check_lock_file(const struct config *config, struct espt_error *err)
{
    int fd;
    int code = lock_open(config->store, "-lock", &fd, err);
    if (code == 0)
        close(fd);
    return code;
}

static int restore_locked(const struct config *config, int locked_fd,
                          const struct tier_table *tiers, const struct actor *actor,
                          const struct restore_wish *wish, struct restored *ret_restored,
                          struct espt_error *err)
{
    struct config copy = *config;
    struct espt_error why = {0};
    struct store *old = NULL;
    if (!publish_temporary(config->store, copy.store, sizeof copy.store))
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long; choose a shorter one",
                         config->store);
    int code = check_lock_file(config, err);
    if (code != 0)
        return code;
    const struct past past = read_past(config, locked_fd);
    if (past.fleet)
        return espt_fail(err, ESPT_REFUSED,
                         "%s: this store belongs to a fleet, and the configuration has no [fleet]; "
                         "nothing was changed; add the section, or restore at a site",
                         config->store);
    if (!wish->unasked && (past.readable ? past.revision : 0) != wish->shown)
        return espt_fail(err, ESPT_REFUSED,
                         "the store was changed meanwhile; nothing was restored; look at it again");
    code = prepare(&copy, tiers, actor, &past, wish, err);
    if (code == 0)
        code = copy_attributes(config->store, copy.store, &ret_restored->lost, err);
    if (code == 0 && db_open_locked(&old, config, locked_fd, &why) != 0) {
        old = NULL; /* a damaged store is not marked */
        if (past.readable)
            code = espt_fail(err, ESPT_UNUSABLE, "%s", why.message);
    }
    if (code == 0)
        code = restore_replace(config, copy.store, old, &why, ret_restored, err);
    store_close(old);
    if (strcmp(ret_restored->kept, copy.store) != 0)
        unlink(copy.store);
    return code;
}

int store_restore(const struct config *named, const struct tier_table *tiers,
                  const struct actor *actor, const struct restore_wish *wish,
                  struct restored *ret_restored, struct espt_error *err)
{
    struct config config = *named;
    int dir, fd;
    *ret_restored = (struct restored){.still_there = false};
    /* a symbolic link is followed: its target is replaced */
    int code = trust_place(named->store, geteuid(), config.store, &dir, err);
    if (code != 0)
        return code;
    close(dir);
    code = lock_writers(config.store, &config.wait, &fd, err);
    if (code != 0)
        return code;
    code = restore_locked(&config, fd, tiers, actor, wish, ret_restored, err);
    close(fd);
    return code;
}
