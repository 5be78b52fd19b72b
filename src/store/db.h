/*
 * The environment (db.c), its transactions (txn.c) and their records (records.c) over liblmdb,
 * which no other header shows.
 *
 * The first failure in a transaction sticks: later calls do nothing and return it, and txn_commit()
 * aborts. So a change is written as one straight run and judged once, at its end.
 *
 * MUST 1: one writer at a time, for certain: flock on STORE.writer, from before mdb_txn_begin until
 *         after the commit (LMDB's own mutex let two in across PID namespaces).
 * MUST 2: every write transaction puts its own id, a nonce and the next revision in the state
 * record. MUST 3: never abort after mdb_txn_commit, even a failed one: it has freed the
 * transaction. MUST 4: after a failed commit or MDB_PANIC the environment is not used again. MUST
 * 5: whatever may block within LMDB is done holding STORE-lock (lock.h).
 */
#ifndef ESPT_STORE_DB_H
#define ESPT_STORE_DB_H

#include "store/aside.h"
#include "store/store.h"

#include <lmdb.h>

#define MAX_READERS 1024 /* processes of esp-tokenctl that read at once */
/* While a store is replaced, its file has a second name, or another lock file, for a moment. */
#define RESTORE_TRIES 25
#define RESTORE_MS 20

struct store {
    MDB_env *env;
    MDB_dbi dbi[TABLE_COUNT];
    struct config config;
    int writer_fd;  /* STORE.writer */
    bool read_only; /* the file system is: LMDB keeps no table of readers there, and STORE.writer is
                       held, shared, for as long as the store is open */
    int gate_fd; /* STORE-lock; -1: none. Closed after the environment, whose own locks lie there */
    bool reads;  /* and never writes: it need not wait for the gate */
    struct aside aside; /* what is open instead where it did not; else `env` is the store */
    unsigned overtaken; /* so many copies in a row were no use */
    bool broken;        /* MUST 4 */
    bool wrote;
    bool replaced; /* the last transaction found the mark of closure */
    struct actor actor;
    char as[ENTITY_NAME_MAX + 1]; /* who is acted for; empty: nobody */
};

struct txn {
    struct store *store;
    MDB_txn *mdb; /* NULL: ended */
    bool writes;
    bool locked; /* the lock is this transaction's to release */
    int code;    /* of the first failure; 0: none */
    struct espt_error *err;
    struct state_record state;
    bool holds_tokens; /* apply_held() puts their records; see there */
    bool has_public;
    uint8_t public_key[32]; /* the reveal key's, once it was needed */
    bool limited;           /* to the rights of `as` */
    struct entity as;       /* of store->as, as this transaction finds it */
};

/* Opens the environment at config->store, to be read only where `read_only`; *ret_env is closed by
   mdb_env_close(). */
ESPT_MUST_USE int db_env_open(MDB_env **ret_env, const struct config *config, bool read_only,
                              struct espt_error *err);
/* Owner, mode, file system and form of the store's file; config->store becomes its path without
   links. */
ESPT_MUST_USE int db_judge(struct config *config, struct espt_error *err);
/* The same for a store, once others that do so have done; without its tables. */
ESPT_MUST_USE int db_open(struct store *store, struct espt_error *err);
void db_close(struct store *store);
/* Begins a read transaction; the store is opened anew for it where it has to be, so no other may be
   open. */
ESPT_MUST_USE int db_begin_read(struct store *store, MDB_txn **ret_mdb, struct espt_error *err);
/* Another one; LOCK_BUSY: there is none to be had at once. */
ESPT_MUST_USE int db_begin_beside(struct store *store, MDB_txn **ret_mdb, struct espt_error *err);
/* Clears the slots of readers that were killed, and begins a write transaction. */
ESPT_MUST_USE int db_begin_write(struct store *store, MDB_txn **ret_mdb, struct espt_error *err);
/* MUST 2: the transaction's id, and a nonce drawn for it. */
void db_stamp(struct state_record *state, MDB_txn *mdb);
/* What the state record of a snapshot says of the store; it is filled if STATE_GOOD. */
enum state_verdict db_state(MDB_txn *mdb, MDB_dbi main, struct state_record *ret_state);
/* Any verdict but STATE_GOOD, in words. */
int db_fail_state(struct espt_error *err, enum state_verdict verdict, const struct config *config);
/* Opens what the path names now: another file than the one that is open, or that one anew. */
ESPT_MUST_USE int db_reopen(struct store *store, struct espt_error *err);
/* The one map from LMDB's errors to ours. */
int db_fail(struct espt_error *err, int rc, const struct config *config);

/* Whether a change can be made at all; txn_begin() asks it too. */
ESPT_MUST_USE int txn_may_write(const struct store *store, struct espt_error *err);
ESPT_MUST_USE int txn_begin(struct txn *ret_txn, struct store *store, bool writes,
                            struct espt_error *err);
/* Another read transaction of the same snapshot, for another thread; false: a writer went by, or
   there is no place for one. */
ESPT_MUST_USE bool txn_begin_beside(struct txn *ret_second, const struct txn *txn,
                                    struct espt_error *err);
/* As txn_begin for a write, where the caller holds the writers' lock already. */
ESPT_MUST_USE int txn_begin_locked(struct txn *ret_txn, struct store *store,
                                   struct espt_error *err);
/* Commits, durably, or aborts if a call failed; returns the transaction's code. */
ESPT_MUST_USE int txn_commit(struct txn *txn);
/* A refusal, and nothing else, is taken back: the transaction goes on as if nothing had been asked.
   Returns its code. Only between changes: none of what was refused was put. */
int txn_forgive(struct txn *txn);
/* Ends it without a trace; harmless once it has ended. */
void txn_abort(struct txn *txn);
/* Makes `code` the transaction's, with a message. */
int txn_fail(struct txn *txn, int code, const char *format, ...) ESPT_PRINTF(3, 4);
/* The same by an error of LMDB's. */
int txn_fail_rc(struct txn *txn, int rc);
/* As txn_fail: this record is damaged, or its partner is missing. */
int txn_damaged(struct txn *txn, enum table table, const char *subject);

/* 1 found, 0 not, negative: the transaction has failed. The value lives until the next write. */
int txn_get(struct txn *txn, enum table table, const struct record_key *key, MDB_val *ret_value);
void txn_put(struct txn *txn, enum table table, const struct record_key *key, const uint8_t *value,
             size_t len);
/* The key must be there: an index that lacks it is damage. */
void txn_delete(struct txn *txn, enum table table, const struct record_key *key);
void txn_delete_if_there(struct txn *txn, enum table table, const struct record_key *key);

/* How many records a table has. */
uint64_t txn_entries(struct txn *txn, enum table table);
/* As txn_put, behind the last key of the table: its pages are filled. */
void txn_append(struct txn *txn, enum table table, const struct record_key *key,
                const uint8_t *value, size_t len);
/* 1: the last key and its value; 0: the table is empty; negative: the transaction has failed. */
int txn_last(struct txn *txn, enum table table, struct record_key *ret_key, MDB_val *ret_value);

/* A walk over a table in order of its keys, from the first that is not below `from` (NULL: all),
   while keys begin with the `prefix` first bytes of it. */
struct walk {
    struct txn *txn;
    enum table table;
    MDB_cursor *cursor;
    struct record_key from;
    size_t prefix;
    bool started;
    struct record_key key; /* of the current record */
    MDB_val value;
};
void walk_begin(struct walk *ret_walk, struct txn *txn, enum table table,
                const struct record_key *from, size_t prefix);
/* True: key and value are the next record's. */
bool walk_next(struct walk *walk);
/* Moves to the last record whose key is below `beyond` (of length 0: to the table's last). */
bool walk_last(struct walk *walk, const struct record_key *beyond);
void walk_end(struct walk *walk);

#endif
