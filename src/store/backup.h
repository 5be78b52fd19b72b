/*
 * Copies of a whole store, and putting one in the store's place.
 *
 * MUST 1: a copy is made by mdb_env_copy2 within a snapshot; never by reading the file beside a
 *         writer.
 * MUST 2: a compact copy counts its transactions anew: it is stamped by one of its own before
 *         anybody reads it.
 * MUST 3: the store's file is replaced by rename alone, and only while the writers' lock is held.
 *         The old one is marked as closed after that, not before: whoever is killed between the two
 *         leaves a store that works, and hosts see the new file within a second; with the mark they
 *         see it at once.
 * MUST 4: the revision never falls: the copy goes on behind the store that it replaces.
 */
#ifndef ESPT_STORE_BACKUP_H
#define ESPT_STORE_BACKUP_H

#include "store/store.h"

/* What a copy holds. */
struct backup_facts {
    uint64_t revision;
    uint64_t entities, tokens; /* how many */
    uint64_t bytes;            /* of the file */
    int64_t made;              /* Unix seconds; 0: unknown */
    struct log_head log;
    uint8_t sha256[32]; /* of the file */
};

/* Writes a compact copy of the store as it is now to `path`, which must not exist, mode 0600, and
   its manifest to PATH.manifest: a comment with the facts, and the line of sha256sum. */
ESPT_MUST_USE int store_backup(struct store *store, const char *path,
                               struct backup_facts *ret_facts, struct espt_error *err);

/* What the store holds now; without bytes and hash. */
ESPT_MUST_USE int store_facts(struct store *store, struct backup_facts *ret_facts,
                              struct espt_error *err);

/* Reads the copy at `path` and its manifest: ESPT_UNUSABLE if the manifest is missing or says
   another hash. */
ESPT_MUST_USE int backup_verify(const char *path, struct backup_facts *ret_facts,
                                struct espt_error *err);

/* Puts the copy at `path` in the place of the store that `config` names. It was verified, is copied
   beside the store, proven whole by store_check(), and takes its place. `shown` is the revision of
   the old store that a person said yes to (0: it could not be read): ESPT_REFUSED if it is no
   longer that. `ret_kept` (PATH_MAX) is where the old store lies now; empty: there was none. */
ESPT_MUST_USE int store_restore(const struct config *named, const struct tier_table *tiers,
                                const struct actor *actor, const char *path, uint64_t shown,
                                char *ret_kept, struct espt_error *err);

/* Brings a store of an older schema to this one, in one transaction, after a backup that is kept at
   `ret_kept` (PATH_MAX). *ret_from is the schema that it had; STORE_SCHEMA: nothing was to do. */
ESPT_MUST_USE int store_upgrade(const struct config *config, const struct actor *actor,
                                unsigned *ret_from, char *ret_kept, struct espt_error *err);

#endif
