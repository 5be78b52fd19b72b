/* SPDX-License-Identifier: ISC */
/*
 * The store: entities, tokens, and the rules of specification §5. Each rule is enforced in the
 * transaction that makes the change. Every change passes through store/apply.h.
 *
 * A store belongs to one thread, and a process opens one at a time. No lock and no transaction is
 * held between calls. Functions marked ESPT_MUST_USE return 0 or a negative code of
 * common/error.h, unless stated otherwise. On failure nothing has changed.
 *
 * This header opens and closes stores, and includes the others: store_types.h, store_read.h,
 * store_write.h, store_log.h and store_check.h. backup.h, batch.h, keyfile.h and notices.h are
 * apart.
 */
#ifndef ESPT_STORE_STORE_H
#define ESPT_STORE_STORE_H

#include "common/config.h"
#include "store/elsewhere.h"
#include "store/store_check.h"
#include "store/store_log.h"
#include "store/store_read.h"
#include "store/store_types.h"
#include "store/store_write.h"

/* Creates an empty store, mode 0640 (group esp-token if that group exists), unless a store exists.
   Sets *ret_made to whether it did. */
ESPT_MUST_USE int store_create(const struct config *config, bool *ret_made, struct espt_error *err);
/* True if the store was made before the group esp-token existed, so that hosts of that group cannot
   read it. store_share() gives it, and the folder of uses, to the group, unless the store is new:
   then store_create() has done what this user may do. */
bool store_unshared(const struct config *config);
enum sharing {
    SHARING_KEPT,     /* nothing was changed */
    SHARING_MENDED,   /* the group has them now */
    SHARING_NO_GROUP, /* there is no such group */
};
enum sharing store_share(const struct config *config, bool is_new);
/* Odd while liblmdb searches for a record, and another number for each search. A search ends within
   microseconds, except in a damaged store: there liblmdb may loop for ever on bytes that are not a
   page. May be called in a signal handler and by any thread. */
unsigned store_search(void);
/* Checks owner, mode and file system, then opens the store. store_close() frees it. */
ESPT_MUST_USE int store_open(struct store **ret_store, const struct config *config,
                             struct espt_error *err);
/* As store_open(), for commands that only read: a process that was stopped while it held a lock of
   the store does not delay them. */
ESPT_MUST_USE int store_open_to_read(struct store **ret_store, const struct config *config,
                                     struct espt_error *err);
void store_close(struct store *store); /* NULL is allowed */
/* ESPT_REFUSED: the store is that of an edge of a fleet. It has neither token names nor texts nor
   the log, and it changes by the fleet's journal alone. */
ESPT_MUST_USE int store_not_edge(const struct store *store, struct espt_error *err);
/* Whether a transaction is open. Do not wait for the user while one is. */
bool store_in_transaction(const struct store *store);
/* Closes the environment, and releases the lock by which LMDB knows this process, so that nothing
   is left that other processes wait for. No transaction may be open. The next transaction opens the
   file that the path names then. */
void store_rest(struct store *store);
/* The file whose state was last read. If it changes, the store was replaced. */
struct store_file {
    uint64_t dev, ino; /* 0: not known */
};
struct store_file store_file(const struct store *store);

/* Reserves the last part of the map for revocations: from now on, other writes through this store
   leave it free. */
ESPT_MUST_USE int store_leave_room(struct store *store, struct espt_error *err);
/* Ends that: the next change is a revocation and may use that part. */
ESPT_MUST_USE int store_use_room(struct store *store, struct espt_error *err);
/* After a revocation failed because the disk is full: frees some of the reserved disk space, so
   that the revocation can be tried again. False: it failed for another reason, or no reserve is
   left. */
ESPT_MUST_USE bool store_make_room(struct store *store);
/* As store_make_room(), for a store that does not open because the disk is full. */
ESPT_MUST_USE bool store_make_room_to_open(const struct config *config);
/* Reserves the disk space again, if there is room. */
void store_refill_reserve(const struct config *config);

/* Call it when the result of a commit has been printed. From the commit until this call, SIGINT,
   SIGTERM, SIGHUP and SIGQUIT are held back. */
void store_result_printed(void);

/* Names who runs the command, for the log. */
void store_actor(struct store *store, const struct actor *actor);
/* Limits every later call to the rights of `entity`. What it may not see is ESPT_MISSING, what it
   may not do is ESPT_REFUSED. NULL: removes the limit. ESPT_USAGE: not an entity's name. */
ESPT_MUST_USE int store_as(struct store *store, const char *entity, struct espt_error *err);
/* As store_as(), for an entity that was read before: an entity that has been given its name since
   then gets no rights. */
void store_as_entity(struct store *store, const struct entity *entity);

/* --- the reveal key; store/keyfile.h --- */
struct keys;
struct key;
struct texts; /* store/texts.h */
/* Seals every text to a new key, which is then in force. `keys` was read from the secret file. The
   other keys stay in that file, under the passphrase that `keys` has now. A text that no key opens
   stays as it is, and is counted and named in ret_texts->shut. */
ESPT_MUST_USE int store_key_rotate(struct store *store, struct keys *keys, struct texts *ret_texts,
                                   progress_fn progress, void *arg, struct espt_error *err);
/* Removes `key` from the secret file. It is one of `keys` and not in force. *shown is the number of
   texts that this key opens, as shown to the user: ESPT_REFUSED if the number has changed. NULL:
   the user was not asked. */
ESPT_MUST_USE int store_key_forget(struct store *store, struct keys *keys, const struct key *key,
                                   const uint64_t *shown, struct espt_error *err);
/* Rewrites the secret file, under the passphrase that `keys` has now, or without one. */
ESPT_MUST_USE int store_key_guard(struct store *store, struct keys *keys, struct espt_error *err);

/* --- usage --- */
/* Creates the folder that [usage] names, for the group esp-token if that group exists. *ret_made:
   it was created. */
ESPT_MUST_USE int store_usage_folder(const struct config *config, bool *ret_made,
                                     struct espt_error *err);
/* Adds the counts of ended processes to the store's totals and unlinks their files, if this user
   may write them. Without `wait` it fails if another writer holds the lock. */
ESPT_MUST_USE int store_usage_fold(struct store *store, bool wait, size_t *ret_files,
                                   struct espt_error *err);
/* From now on uses include those at other machines of a fleet. `elsewhere` must outlive the store;
   NULL: none. */
void store_elsewhere(struct store *store, const struct elsewhere *elsewhere);
/* Why uses at other machines are not known; NULL: they are. */
const char *store_elsewhere_unknown(const struct store *store);
/* A problem with the folder of [usage] that reading it found; NULL: none. Owned by the store. */
const char *store_usage_warning(const struct store *store);
/* Whether this store has committed a transaction since it was opened. */
bool store_wrote(const struct store *store);

#endif
