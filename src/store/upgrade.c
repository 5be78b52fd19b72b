/* SPDX-License-Identifier: ISC */
/*
 * upgrade: converts a store of an older schema to the current one, by the rules in backup.h.
 * Records of schema 2 are valid in schema 3, so one small transaction sets the schema's number.
 * Records of schema 1 are converted.
 */
#include "store/apply.h"
#include "store/backup.h"
#include "store/changes.h"
#include "store/db/copy.h"
#include "store/db/lock.h"
#include "store/db/older.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int convert_all(struct store *store, unsigned from, const struct state_record *state,
                       struct espt_error *err)
{
    char detail[32];
    struct txn txn;
    struct change change;
    struct changes changes = {0};
    int code = older_begin(&txn, store, from, state, err);
    if (code != 0)
        return code;
    snprintf(detail, sizeof detail, "schema %u to %d", from, STORE_SCHEMA);
    change_note(&change, "upgrade", detail);
    changes_add(&changes, &txn, &change);
    apply(&txn, &changes);
    changes_clear(&changes);
    return txn_commit(&txn);
}

/* Writes a backup of the store beside it, under a name that must be free. */
static int back_up(struct store *store, unsigned schema, char *ret_kept, struct espt_error *err)
{
    char kept[PATH_MAX];
    struct stat st;
    struct attributes_lost lost; /* ignored: a backup may have fewer rights than the store */
    int len = snprintf(kept, sizeof kept, "%s.schema-%u", store->config.store, schema);
    if (len <= 0 || len >= PATH_MAX)
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long for a backup beside it",
                         store->config.store);
    if (lstat(kept, &st) == 0)
        return espt_fail(err, ESPT_REFUSED,
                         "%s: an earlier upgrade left this backup; move it away first", kept);
    int code = copy_write(store, kept, false, err);
    if (code != 0)
        return code;
    code = copy_attributes(store->config.store, kept, &lost, err);
    if (code == 0)
        memcpy(ret_kept, kept, sizeof kept);
    else
        unlink(kept);
    return code;
}

/* Removes the backup if nothing was converted, for example on a full disk: the command can be run
   again. If that cannot be determined, the backup stays. */
static void drop_backup(struct store *store, unsigned from, char *kept)
{
    unsigned schema = 0;
    struct state_record state = {0};
    struct espt_error ignored;
    db_close(store);
    if (db_open(store, &ignored) != 0 || older_schema(store, &schema, &state, &ignored) != 0 ||
        schema != from)
        return;
    unlink(kept);
    kept[0] = '\0';
}

static int upgrade(struct store *store, unsigned *ret_from, char *ret_kept, struct espt_error *err)
{
    struct state_record state = {0};
    int code = db_open(store, err);
    if (code > 0)
        code = db_fail_replaced(err, &store->config);
    if (code == 0)
        code = older_schema(store, ret_from, &state, err);
    if (code != 0 || *ret_from == STORE_SCHEMA)
        return code;
    const bool converts = *ret_from < STORE_SCHEMA_READ;
    if (converts)
        code = back_up(store, *ret_from, ret_kept, err);
    if (code != 0)
        return code;
    code = convert_all(store, *ret_from, &state, err);
    if (code != 0 && converts)
        drop_backup(store, *ret_from, ret_kept);
    return code;
}

int store_upgrade(const struct config *config, const struct actor *actor, unsigned *ret_from,
                  char *ret_kept, struct espt_error *err)
{
    struct store store = {.config = *config, .writer_fd = -1, .gate_fd = -1};
    ret_kept[0] = '\0';
    int code = db_check_file(&store.config, err);
    if (code == 0)
        code = lock_writers(store.config.store, &config->wait, &store.writer_fd, err);
    if (code != 0)
        return code;
    store_actor(&store, actor);
    code = upgrade(&store, ret_from, ret_kept, err);
    db_close(&store);
    close(store.writer_fd);
    return code;
}
