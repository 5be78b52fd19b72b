/* SPDX-License-Identifier: ISC */
/* restore in a fleet: a change of the store's records, by the rules in backup.h. */
#include "store/backup.h"
#include "store/begin.h"
#include "store/db/publish.h"
#include "store/log.h"
#include "store/restore/changes.h"
#include "store/restore/copy.h"
#include "store/restore/keep.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct restoring {
    struct store *store;
    struct config copy_config;
    struct store *copy;
    const struct restore_wish *wish;
};

int restoring_open(struct restoring **ret, struct store *store, const struct tier_table *tiers,
                   const struct restore_wish *wish, struct espt_error *err)
{
    struct restoring *restoring = calloc(1, sizeof *restoring);
    if (restoring == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    *restoring = (struct restoring){.store = store, .copy_config = store->config, .wish = wish};
    char *path = restoring->copy_config.store;
    if (!publish_temporary(store->config.store, path, sizeof restoring->copy_config.store)) {
        free(restoring);
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long; choose a shorter one",
                         store->config.store);
    }
    int code = restore_copy_open(&restoring->copy, &restoring->copy_config, tiers, &store->actor,
                                 wish->path, err);
    if (code == 0)
        *ret = restoring;
    else
        restoring_close(restoring);
    return code;
}

void restoring_close(struct restoring *restoring)
{
    if (restoring == NULL)
        return;
    store_close(restoring->copy);
    unlink(restoring->copy_config.store);
    free(restoring);
}

/* Fills the list from the store's transaction. The copy's transaction stays open if that
   succeeds. */
static void compare(struct restoring *restoring, struct txn *live, struct txn *ret_old,
                    struct changes *changes, struct restore_counts *ret_counts)
{
    struct change note;
    if (live->code == 0)
        live->code = store_begin(ret_old, restoring->copy, true, live->err);
    if (live->code != 0)
        return;
    change_note(&note, "restore", restoring->wish->path);
    changes_add(changes, live, &note);
    if (restoring->wish->keeps_removed)
        restore_keep_removed(ret_old, live);
    restore_changes(changes, live, ret_old, ret_counts);
    if (live->code != 0)
        txn_abort(ret_old);
}

int restoring_compare(struct restoring *restoring, struct restore_counts *ret_counts,
                      struct espt_error *err)
{
    struct txn live, old;
    struct changes changes = {0};
    int code = store_begin(&live, restoring->store, false, err);
    if (code != 0)
        return code;
    compare(restoring, &live, &old, &changes, ret_counts);
    if (live.code == 0)
        txn_abort(&old);
    txn_abort(&live);
    changes_clear(&changes);
    return live.code;
}

int restoring_apply(struct restoring *restoring, const struct restore_counts *shown,
                    struct restore_counts *ret_counts, struct espt_error *err)
{
    struct txn live, old;
    struct changes changes = {0};
    int code = store_begin(&live, restoring->store, true, err);
    if (code != 0)
        return code;
    if (shown != NULL && shown->revision != live.state.revision)
        txn_fail(&live, ESPT_REFUSED,
                 "the store was changed meanwhile; nothing was restored; look at it again");
    compare(restoring, &live, &old, &changes, ret_counts);
    if (live.code == 0) {
        restore_records(&live, &old);
        txn_abort(&old);
        log_append(&live, &changes);
    }
    changes_clear(&changes);
    return txn_commit(&live);
}
