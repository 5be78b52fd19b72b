/* SPDX-License-Identifier: ISC */
/*
 * The environment (handle.c, open.c, begin.c), its transactions (txn.c) and their records
 * (records.c), built on liblmdb. Only files of this folder include lmdb.h, and no header does.
 *
 * The first failure in a transaction sticks: later calls do nothing and return it, and txn_commit()
 * aborts. So a change is written as straight-line code and checked once, at its end.
 *
 * MUST 1: there is one writer at a time: flock on STORE.writer, from before mdb_txn_begin until
 *         after the commit (LMDB's own mutex let two writers in across PID namespaces).
 * MUST 2: every write transaction puts its own id, a nonce and the next revision in the state
 *         record.
 * MUST 3: never abort after mdb_txn_commit, even a failed one: it has freed the transaction.
 * MUST 4: after a failed commit or MDB_PANIC the environment is not used again.
 * MUST 5: calls in which LMDB may block are made while holding STORE-lock (lock.h).
 * MUST 6: a transaction begins in the file that the store's path names: `restore` may have replaced
 *         it while this process waited for a lock.
 */
#ifndef ESPT_STORE_DB_DB_H
#define ESPT_STORE_DB_DB_H

#include "store/db/env.h"
#include "store/db/private_copy.h"
#include "store/db/value.h"
#include "store/store.h"

#include <stdatomic.h>

/* While a store is being replaced, its file has a second name, or another lock file, for a
   moment. */
#define RESTORE_TRIES 25
#define RESTORE_MS 20

/* After writers have overtaken this many private copies in a row, a reader waits for the gate. */
#define OVERTAKEN_MAX 5

struct txn;
/* What src/fleet adds to transactions that write. store/db knows nothing else of a fleet. A
   function that is given a transaction reports a failure through it. */
struct store_hooks {
    /* Before a transaction begins; it may make transactions of its own. `locked`: the caller holds
       the writers' lock. */
    int (*before)(void *arg, struct store *store, bool locked, struct espt_error *err);
    /* The transaction has begun, and has not been used yet. */
    void (*begun)(void *arg, struct txn *txn);
    /* Before a record is put or deleted. */
    void (*touch)(void *arg, struct txn *txn, enum table table, const struct record_key *key);
    /* Before each record of a walk. */
    void (*progress)(void *arg, struct txn *txn);
    /* Every record is written, apart from the state record. */
    void (*ready)(void *arg, struct txn *txn);
    /* Only the commit is left. If this succeeds, the change is made, even if the commit fails. */
    void (*append)(void *arg, struct txn *txn);
    /* The commit failed. True: the change is made nevertheless. */
    bool (*lost)(void *arg, struct txn *txn);
    void (*ended)(void *arg, struct txn *txn);
};

struct intact;
struct log_history;
struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

struct store {
    struct MDB_env *env;
    struct intact *intact; /* the writers' proofs about the environment's file (intact.h) */
    unsigned int dbi[TABLE_COUNT];
    struct config config; /* its `store` is the path with all links resolved */
    char named[PATH_MAX]; /* the path as the caller named it */
    int writer_fd;        /* STORE.writer */
    bool locked;          /* this store holds the writers' lock */
    bool read_only; /* the file system is read-only: LMDB keeps no table of readers there, and a
                       shared lock on STORE.writer is held while the store is open */
    int gate_fd;    /* STORE-lock; -1: none is needed, for example for a file that no other process
                       opens. It is closed after the environment, because LMDB's own locks are on the
                       same file */
    bool reads;     /* the command only reads: it need not wait for the gate */
    struct private_copy copy; /* if it is open, `env` is that of the copy, else that of the store */
    unsigned overtaken;       /* how many copies in a row writers overtook */
    bool alone;               /* no other process opens the file */
    bool displaced;           /* restore has replaced this file, and is now marking it as closed */
    bool broken;              /* MUST 4 */
    atomic_uint transactions; /* number of open transactions */
    bool wrote;
    bool disk_full;   /* a transaction failed because the disk was full */
    bool leaves_room; /* leaves the last part of the map to revocations (reserve.h) */
    bool replaced;    /* the last transaction found that the store was marked as closed */
    struct espt_error usage_warning; /* see usage.h; code 0: none */
    struct actor actor;
    uint32_t as_number;                /* of the entity of --as; 0: whichever has its name */
    char as[ENTITY_NAME_MAX + 1];      /* the entity of --as; empty: none */
    struct log_history *log_history;   /* of store/log_history.c: one block; NULL: not read */
    const struct elsewhere *elsewhere; /* NULL: no use is counted elsewhere */
    const struct store_hooks *hooks;   /* NULL: none */
    void *hooks_arg;
    bool edge;  /* it is that of an edge, as last read */
    bool local; /* transactions change nothing that a fleet shares, and run without hooks */
};

struct txn {
    struct store *store;
    struct MDB_txn *mdb; /* NULL: ended */
    bool writes;
    bool locked;  /* the transaction took the lock and must release it */
    bool counted; /* it is counted in store->transactions */
    bool hooked;  /* store->hooks are called */
    int code;     /* of the first failure; 0: none */
    struct espt_error *err;
    struct state_record state;
    bool defers_tokens; /* apply_deferred() writes the records of tokens; see there */
    bool has_public;
    uint8_t public_key[32]; /* of the reveal key; loaded when first needed */
    uint32_t
        composed;     /* an entity, by number, whose token names are all in NFC; 0: none is known */
    bool limited;     /* to the rights of `as`; before rights_load() has loaded them, to none */
    struct entity as; /* the entity store->as, as this transaction finds it */
};

/* Checks owner, mode, file system and format of the store's file. Replaces config->store by its
   path without links. */
ESPT_MUST_USE int db_check_file(struct config *config, struct espt_error *err);
/* Opens the environment, without its tables, once no other process is opening it. ENV_REPLACED: try
   again. */
ESPT_MUST_USE int db_open(struct store *store, struct espt_error *err);
/* db_open(), and then its tables. If `busy` is set, or the gate cannot be taken, it opens a private
   copy. It tries again while `restore` is replacing the store. */
ESPT_MUST_USE int db_open_tables(struct store *store, bool busy, struct espt_error *err);
void db_close(struct store *store);
/* As store_open(), without locks, for a file that this process has created and no other opens. */
ESPT_MUST_USE int db_open_private(struct store **ret_store, const struct config *config,
                                  struct espt_error *err);
/* --- in the open environment (gate.c) --- */

/* How long to wait for the gate. NULL: only LOCK_MOMENT_MS, because a private copy will do. */
const struct config_wait *db_patience(const struct store *store);
/* Begins a read transaction. Waits `how` for the gate, and `how_slot` for a slot in LMDB's table of
   readers. LOCK_BUSY: one of them was not free in that time. */
ESPT_MUST_USE int db_begin_slot(struct store *store, const struct config_wait *how,
                                const struct config_wait *how_slot, struct MDB_txn **ret_mdb,
                                struct espt_error *err);
/* Clears the slots of killed readers and begins a write transaction. The caller holds the writers'
   lock. */
ESPT_MUST_USE int db_begin_write_here(struct store *store, struct MDB_txn **ret_mdb,
                                      struct espt_error *err);
/* Takes the writers' lock: waits for it, or tries once. Taking it twice is harmless. */
ESPT_MUST_USE int db_lock(struct store *store, struct espt_error *err);
bool db_try_lock(struct store *store);
void db_unlock(struct store *store);
/* Keeps the last part of the map for revocations, if store->leaves_room. */
ESPT_MUST_USE int db_leave_room(struct store *store, struct espt_error *err);

/* --- in the file that the path names now (begin.c) --- */

/* Begins a read transaction. Reopens the store if necessary, so no other transaction may be
   open. */
ESPT_MUST_USE int db_begin_read(struct store *store, struct MDB_txn **ret_mdb,
                                struct espt_error *err);
/* As store_open(), if the caller holds the writers' lock through `locked_fd`, and keeps it. */
ESPT_MUST_USE int db_open_locked(struct store **ret_store, const struct config *config,
                                 int locked_fd, struct espt_error *err);
/* As db_begin_write_here(), in the file that the path names now. */
ESPT_MUST_USE int db_begin_write(struct store *store, struct MDB_txn **ret_mdb,
                                 struct espt_error *err);
/* MUST 2: sets the transaction's id and a newly drawn nonce. */
void db_stamp(struct state_record *state, struct MDB_txn *mdb);
/* Reads the state record of a snapshot. It is filled if the verdict is STATE_GOOD, or STATE_OLDER
   with a schema that is still readable (ret_state->schema, which the caller sets to zero
   before). */
enum state_verdict db_state(struct MDB_txn *mdb, unsigned int main, struct state_record *ret_state);
/* Writes the message for any verdict other than STATE_GOOD. */
int db_fail_state(struct espt_error *err, enum state_verdict verdict, const struct config *config);
/* The path now names a different file than a moment ago. */
int db_fail_replaced(struct espt_error *err, const struct config *config);
/* Closes the environment and opens what the path names now. */
ESPT_MUST_USE int db_reopen(struct store *store, struct espt_error *err);
/* Closes the environment and opens a private copy of what the path names now. */
ESPT_MUST_USE int db_reopen_copy(struct store *store, struct espt_error *err);
/* As db_reopen(), after store_rest(). If it fails, it may be called again. */
ESPT_MUST_USE int db_wake(struct store *store, struct espt_error *err);
/* The message for MDB_MAP_FULL. It names the process that keeps an old state in use, if there is
   one. */
int db_fail_full(struct espt_error *err, struct MDB_env *env, const struct config *config);
/* Begins to read a backup in its place. The backup may be marked as closed, and may be of the
   previous schema. `store` is the caller's memory, and must last as long as the transaction. */
ESPT_MUST_USE bool db_begin_backup(struct txn *ret_txn, struct store *store,
                                   const struct config *config, const char *path,
                                   struct espt_error *err);
void db_end_backup(struct txn *txn);
/* The only mapping from LMDB's errors to ours. */
int db_fail(struct espt_error *err, int rc, const struct config *config);

/* Fails if the store cannot be changed because it is read-only. txn_begin() calls it as well. */
ESPT_MUST_USE int txn_may_write(const struct store *store, struct espt_error *err);
/* Begins a transaction. Callers above this folder use store_begin() (store/begin.h), which also
   loads the rights of --as. */
ESPT_MUST_USE int txn_begin(struct txn *ret_txn, struct store *store, bool writes,
                            struct espt_error *err);
/* As txn_begin() for a write, if the caller already holds the writers' lock. */
ESPT_MUST_USE int txn_begin_locked(struct txn *ret_txn, struct store *store,
                                   struct espt_error *err);
/* Commits durably, or aborts if a call failed. Returns the transaction's code. */
ESPT_MUST_USE int txn_commit(struct txn *txn);
/* Clears a refusal (ESPT_USAGE, ESPT_MISSING or ESPT_REFUSED), but no other error, so that the
   transaction continues. Returns its code. Call it only between changes: nothing of the refused
   change may have been written. */
int txn_forgive(struct txn *txn);
/* Ends the transaction without changes. Harmless if it has ended. */
void txn_abort(struct txn *txn);
/* Makes `code` the transaction's code, with a message. */
int txn_fail(struct txn *txn, int code, const char *format, ...) ESPT_PRINTF(3, 4);
/* As txn_fail(), for an error of LMDB. */
int txn_fail_rc(struct txn *txn, int rc);
/* As txn_fail(), for a damaged record, or one whose partner is missing. */
int txn_damaged(struct txn *txn, enum table table, const char *subject);

/* 1: found. 0: not found. Negative: the transaction has failed. The value is valid until the next
   write. */
int txn_get(struct txn *txn, enum table table, const struct record_key *key,
            struct record_value *ret_value);
void txn_put(struct txn *txn, enum table table, const struct record_key *key, const uint8_t *value,
             size_t len);
/* Deletes a key, which must be there: if an index lacks it, the store is damaged. */
void txn_delete(struct txn *txn, enum table table, const struct record_key *key);
void txn_delete_if_there(struct txn *txn, enum table table, const struct record_key *key);

/* Deletes the records of a table whose key `keeps` does not keep; NULL: all of them. */
typedef bool (*keeps_fn)(void *arg, const struct record_key *key);
void txn_clear(struct txn *txn, enum table table, keeps_fn keeps, void *arg);

/* The number of records in a table. */
uint64_t txn_entries(struct txn *txn, enum table table);
/* As txn_put(), for a key that is above the last key of the table. It fills the pages. */
void txn_append(struct txn *txn, enum table table, const struct record_key *key,
                const uint8_t *value, size_t len);
/* 1: the last key and its value. 0: the table is empty. Negative: the transaction has failed. */
int txn_last(struct txn *txn, enum table table, struct record_key *ret_key,
             struct record_value *ret_value);

/* A walk over a table in the order of its keys. It begins with the first key that is not below
   `from` (NULL: all keys), and ends before the first key that differs from `from` in its first
   `prefix` bytes. */
struct walk {
    struct txn *txn;
    enum table table;
    struct MDB_cursor *cursor;
    struct record_key from;
    size_t prefix;
    bool skips; /* the key `from` itself */
    bool started;
    struct record_key key; /* of the current record */
    struct record_value value;
};
void walk_begin(struct walk *ret_walk, struct txn *txn, enum table table,
                const struct record_key *from, size_t prefix);
/* Begins a walk with the first key above `at` (length 0: with the first key), whether or not `at`
   is still in the table. For a caller that writes between two records, because each write moves the
   others: it ends the walk before it writes, and continues after the key that it has processed. */
void walk_begin_after(struct walk *ret_walk, struct txn *txn, enum table table,
                      const struct record_key *at);
/* Moves to the next record. True: `key` and `value` are those of that record. */
bool walk_next(struct walk *walk);
/* Moves to the last record whose key is below `beyond`. If `beyond` is empty, to the last record of
   the table. */
bool walk_last(struct walk *walk, const struct record_key *beyond);
void walk_end(struct walk *walk);

#endif
