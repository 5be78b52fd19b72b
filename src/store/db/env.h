/* SPDX-License-Identifier: ISC */
/*
 * The only place that opens an LMDB environment: of the store, of a copy of it, or of a store that
 * is being created.
 *
 * MUST 1: folder (every component of the path), data file and lock file are checked by descriptor
 *         before liblmdb opens anything. liblmdb opens by path, and it trusts the contents of the
 *         lock file that it maps. So no other user may write to the folder or to these files.
 * MUST 2: the file that liblmdb opened must be the file that was checked.
 * MUST 3: a file that other processes may open is opened as ENV_SHARED, or read in a snapshot that
 *         a reader slot or the writers' lock holds.
 */
#ifndef ESPT_STORE_DB_ENV_H
#define ESPT_STORE_DB_ENV_H

#include "common/config.h"
#include "common/state.h"

#include <stdbool.h>

struct MDB_env; /* of lmdb.h, which only files of store/db include */

#define MAX_READERS 1024 /* esp-tokenctl processes that can read at the same time */

enum env_use {
    ENV_SHARED,   /* read and write together with other processes, with the lock file PATH-lock */
    ENV_SNAPSHOT, /* read only, without a lock file */
    ENV_PRIVATE,  /* read and write a file that no other process opens, without a lock file */
};

/* The file was replaced after it was checked and before it was opened: check and open it again. */
#define ENV_REPLACED 3

/* Opens the file at `path`, which must exist (an empty file becomes a store). On success the caller
   owns *ret_env and closes it with mdb_env_close(). */
ESPT_MUST_USE int env_open(struct MDB_env **ret_env, const struct config *config, const char *path,
                           enum env_use use, struct espt_error *err);

/* As env_open(), read only, for an unnamed file that this process has just created. */
ESPT_MUST_USE int env_open_unnamed(struct MDB_env **ret_env, const struct config *config, int fd,
                                   struct espt_error *err);

/* True: `path` names the open file. False: it does not, or this could not be determined. */
bool env_is_at(struct MDB_env *env, const char *path);

#endif
