/* SPDX-License-Identifier: ISC */
/* The tier table of a broker: loaded again when the file has changed. */
#include "portal/broker.h"

#include <sys/stat.h>
#include <unistd.h>

int broker_tiers(struct broker *broker, struct espt_error *err)
{
    const char *path = broker->portal->config.tiers;
    struct stat st = {0};
    struct tier_table *tiers;
    if (stat(path, &st) == 0 && broker->tiers != NULL) {
        const int64_t changed = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
        if (st.st_dev == broker->tiers_file.dev && st.st_ino == broker->tiers_file.ino &&
            changed == broker->tiers_file.changed)
            return 0;
    }
    int code = tier_table_load(&tiers, path, geteuid(), err);
    if (code != 0)
        return code;
    tier_table_free(broker->tiers);
    broker->tiers = tiers;
    /* the file as it was before it was read: a change since then is seen the next time */
    broker->tiers_file.dev = st.st_dev;
    broker->tiers_file.ino = st.st_ino;
    broker->tiers_file.changed = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    return 0;
}
