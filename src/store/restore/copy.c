/* SPDX-License-Identifier: ISC */
#include "store/restore/copy.h"

#include "store/db/copy.h"
#include "store/db/page_owners.h"

#include <string.h>

struct faults {
    size_t count;
    struct finding first;
};

/* Ignores findings that depend on the current tier table or are merely unusual: such a copy is
   still better than no store. */
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
                         "%s: the copy is damaged: %s: %s (%zu findings); take another backup",
                         path, faults.first.subject, faults.first.message, faults.count);
    return code;
}

int restore_copy_open(struct store **ret_copy, const struct config *config,
                      const struct tier_table *tiers, const struct actor *actor, const char *backup,
                      struct espt_error *err)
{
    struct store *copy;
    int code = copy_file(backup, config->store, err);
    if (code == 0)
        code = owners_prove_file(config, "take another backup", err);
    if (code == 0)
        code = copy_stamp(config, err);
    if (code == 0)
        code = db_open_private(&copy, config, err);
    if (code != 0)
        return code;
    store_actor(copy, actor);
    code = prove(copy, tiers, backup, err);
    if (code == 0)
        *ret_copy = copy;
    else
        store_close(copy);
    return code;
}
