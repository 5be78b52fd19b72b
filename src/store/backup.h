/* SPDX-License-Identifier: ISC */
/*
 * Backups: copies of a whole store, and replacing the store by a copy.
 *
 * MUST 1: a copy is made by mdb_env_copy2 within a snapshot; never by reading the file beside a
 *         writer.
 * MUST 2: a compact copy restarts the count of transactions. So one transaction of its own stamps
 *         the copy before anybody reads it. Until the copy has its final name no other process
 *         opens it, so it has no lock file (ENV_PRIVATE).
 * MUST 3: the store's file is replaced by rename only, and only while the writers' lock is held.
 *         The old file is marked as closed after the rename, not before. A command that is killed
 *         between the two leaves a store that works, and hosts see the new file within a second.
 *         With the mark they see it at once. If the mark cannot be written, the command waits for
 *         that second.
 * MUST 4: the revision never falls: the copy continues above the revision of the store that it
 *         replaces.
 * MUST 5: no file is created or opened in a folder that other users may write to.
 */
#ifndef ESPT_STORE_BACKUP_H
#define ESPT_STORE_BACKUP_H

#include "store/db/attributes.h"
#include "store/store.h"

/* Facts about a copy or a store. */
struct backup_facts {
    uint64_t revision;
    uint64_t entities, tokens; /* number of each */
    uint64_t bytes;            /* of the file */
    int64_t made;              /* Unix seconds; 0: unknown */
    struct log_head log;
    uint8_t sha256[32]; /* of the file */
};

/* Writes a compact copy of the store's current state to `path`, mode 0600; `path` must not exist.
   Also writes the manifest, PATH.manifest: the facts as a comment, and the line of sha256sum. */
ESPT_MUST_USE int store_backup(struct store *store, const char *path,
                               struct backup_facts *ret_facts, struct espt_error *err);

/* Fills the facts of the store's current state, without bytes and hash. */
ESPT_MUST_USE int store_facts(struct store *store, struct backup_facts *ret_facts,
                              struct espt_error *err);

/* ESPT_UNUSABLE if there is no such file. The other calls check more. */
ESPT_MUST_USE int backup_require(const char *path, struct espt_error *err);
/* Reads the copy at `path` and its manifest. ESPT_UNUSABLE if the manifest is missing or its hash
   differs. */
ESPT_MUST_USE int backup_verify(const char *path, struct backup_facts *ret_facts,
                                struct espt_error *err);

struct restored {
    char kept[PATH_MAX]; /* path of the old store after the replacement; empty: there was none */
    struct attributes_lost lost; /* attributes that were not copied from the old store */
    /* Why the old store could not be marked as closed; empty: it was marked. If it was not, the
       command has waited until hosts noticed the new file themselves. */
    char unmarked[1024];
    bool still_there; /* hosts in another root (chroot) cannot notice the new file: restart them */
};

struct restore_wish {
    const char *path; /* path of the copy */
    bool unasked;     /* the user was not asked, so `shown` is not compared */
    uint64_t shown;   /* if not `unasked`: revision of the old store that the user confirmed; 0: it
                         could not be read */
    bool keeps_removed; /* tokens and entities that were removed or switched off since the backup
                           stay so (restore/keep.h) */
};

/* Replaces the store that `named` names by the copy. The caller has verified the copy. It is copied
   beside the store, proven whole by store_check(), and renamed into place with owner, group, mode
   and attributes of the old store. ESPT_REFUSED if the store is no longer in the state that was
   shown. When the function returns, no host on this machine answers from the old file, unless
   ret_restored->still_there. *ret_restored is filled on failure, too. */
ESPT_MUST_USE int store_restore(const struct config *named, const struct tier_table *tiers,
                                const struct actor *actor, const struct restore_wish *wish,
                                struct restored *ret_restored, struct espt_error *err);

/* restore in a fleet: one transaction leads the store, and with it the whole fleet, back to the
   entities, tokens and texts of the backup. The log goes on, and no file is replaced. */
struct restoring;
struct restored_items {
    uint64_t removed, changed, added; /* how many the restore removes, changes and adds */
};
struct restore_counts {
    uint64_t revision; /* of the store that was compared */
    struct restored_items entities, tokens;
};
/* Copies the backup beside the store and proves it. wish->shown is not used. The caller calls
   restoring_close() before it closes the store. */
ESPT_MUST_USE int restoring_open(struct restoring **ret, struct store *store,
                                 const struct tier_table *tiers, const struct restore_wish *wish,
                                 struct espt_error *err);
/* What restoring_apply() would do. */
ESPT_MUST_USE int restoring_compare(struct restoring *restoring, struct restore_counts *ret_counts,
                                    struct espt_error *err);
/* ESPT_REFUSED: the revision is no longer that of `shown`; NULL: any. */
ESPT_MUST_USE int restoring_apply(struct restoring *restoring, const struct restore_counts *shown,
                                  struct restore_counts *ret_counts, struct espt_error *err);
void restoring_close(struct restoring *restoring); /* NULL is allowed */

/* Upgrades a store of an older schema to the current one, in one transaction. If that converts
   records (schema 1), a backup is written first and `ret_kept` (PATH_MAX bytes) gets its path; else
   it is empty. *ret_from is the schema before the upgrade; STORE_SCHEMA: the store was current
   already. */
ESPT_MUST_USE int store_upgrade(const struct config *config, const struct actor *actor,
                                unsigned *ret_from, char *ret_kept, struct espt_error *err);

#endif
