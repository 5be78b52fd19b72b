/* SPDX-License-Identifier: ISC */
/* What the files of src/fleet share of a struct fleet. */
#ifndef ESPT_FLEET_MEMBER_H
#define ESPT_FLEET_MEMBER_H

#include "fleet/fleet.h"
#include "fleet/kept.h"
#include "fleet/touched.h"

#include "espt/journal.h"

struct fleet {
    const struct config *config;
    uint32_t limit_ms;
    int64_t until;   /* no call of the journal begins later, monotonic milliseconds; 0: any time */
    bool cut;        /* replay() ended because of that */
    bool too_long;   /* see journal_read() */
    uint32_t pieces; /* what this member reads: ESPT_JOURNAL_WHOLE, or ESPT_JOURNAL_EDGE */
    void *library;   /* of the plugin; NULL: not loaded */
    const espt_journal_plugin *plugin;
    espt_journal *journal; /* NULL: not open */
    bool has_key;
    uint8_t public[SITE_KEY_LEN], secret[crypto_sign_SECRETKEYBYTES];
    struct sites sites; /* those in force at sites.from */
    bool more;          /* replay() has stopped at a limit */

    void (*alive)(void); /* see fleet_alive(); may be NULL */

    bool stranger; /* the last transaction found that this machine is no site */

    /* of the transaction that is open */
    bool shares;     /* the transaction makes an entry */
    bool holds;      /* the turn */
    int64_t held_at; /* when it was taken or kept last, monotonic milliseconds */
    bool logged;     /* the log has an entry of this transaction */
    struct touched touched;
    espt_journal_entry entry; /* to append */
    uint8_t *bytes;           /* that hold it, `len` bytes; NULL: there is none */
    size_t len;
    struct fleet_position position; /* after that entry */
    bool appended;
    struct kept kept; /* entries that were applied or appended, and not written yet */

    char warning[1200];
};

/* Whether the store is that of an edge, or becomes it. */
static inline bool fleet_is_edge(const struct fleet *fleet)
{
    return fleet->pieces == ESPT_JOURNAL_EDGE;
}

/* --- journal_open.c --- */
bool journal_in_time(const struct fleet *fleet); /* see fleet_within() */
ESPT_MUST_USE int journal_open(struct fleet *fleet, struct espt_error *err);

/* --- journal.c; each opens the journal if necessary. 1: found. 0: there is none --- */
/* After a failure, fleet->too_long: the entry is only too long to be read within the turn. */
ESPT_MUST_USE int journal_read(struct fleet *fleet, uint64_t number, espt_journal_entry *ret,
                               struct espt_error *err);
ESPT_MUST_USE int journal_get(struct fleet *fleet, const char *name, const uint8_t **ret_bytes,
                              size_t *ret_len, struct espt_error *err);
ESPT_MUST_USE int journal_drop(struct fleet *fleet, const char *name, struct espt_error *err);
ESPT_MUST_USE int journal_head_get(struct fleet *fleet, const uint8_t **ret_bytes, size_t *ret_len,
                                   struct espt_error *err);
/* 1: there may be an entry after `last`, or another head. 0: not within `wait_ms`. */
ESPT_MUST_USE int journal_wait(struct fleet *fleet, uint64_t last, uint32_t wait_ms,
                               struct espt_error *err);
/* As those of the plugin; 0 or a failure. */
ESPT_MUST_USE int journal_put(struct fleet *fleet, const char *name, const uint8_t *bytes,
                              size_t len, struct espt_error *err);
ESPT_MUST_USE int journal_head_put(struct fleet *fleet, const uint8_t *bytes, size_t len,
                                   struct espt_error *err);
ESPT_MUST_USE int journal_trim(struct fleet *fleet, uint64_t first, struct espt_error *err);
ESPT_MUST_USE int journal_report_put(struct fleet *fleet, const char *name, const uint8_t *bytes,
                                     size_t len, struct espt_error *err);
ESPT_MUST_USE int journal_report_each(struct fleet *fleet,
                                      int (*each)(void *arg, const char *name, const uint8_t *bytes,
                                                  size_t len),
                                      void *arg, struct espt_error *err);
ESPT_MUST_USE int journal_piece_each(struct fleet *fleet, int (*each)(void *arg, const char *name),
                                     void *arg, struct espt_error *err);

/* Reports what the plugin said; returns ESPT_UNUSABLE. */
int journal_fail(struct espt_error *err, const char *said);

/* --- turn.c --- */
ESPT_MUST_USE int journal_hold(struct fleet *fleet, struct espt_error *err);
void journal_release(struct fleet *fleet);
/* Keeps the turn, if this process has it. Call it often; it seldom asks the journal. */
ESPT_MUST_USE int journal_keep(struct fleet *fleet, struct espt_error *err);
/* Requires that the clock here is at most a minute from that of the journal. */
ESPT_MUST_USE int journal_same_time(struct fleet *fleet, struct espt_error *err);
/* Appends fleet->entry and repeats that while the outcome is unknown (MUST 2). */
ESPT_MUST_USE int journal_append(struct fleet *fleet, struct espt_error *err);

/* --- keys.c --- */
/* Reads the key of this site into fleet->secret and fleet->public. */
ESPT_MUST_USE int key_load(struct fleet *fleet, struct espt_error *err);
/* The trust file: which fleet, and the key of its first site. */
struct fleet_trust {
    uint8_t id[FLEET_ID_LEN], key[SITE_KEY_LEN];
};
ESPT_MUST_USE int trust_load(const struct config *config, struct fleet_trust *ret,
                             struct espt_error *err);
ESPT_MUST_USE int trust_write(const struct config *config, const struct fleet_trust *trust,
                              struct espt_error *err);

/* key_id() of the reveal key here; 0: there is none, or it cannot be read. */
uint32_t fleet_reveal(const struct config *config);
/* Hash of the tier table here. */
ESPT_MUST_USE int fleet_tiers_hash(const struct config *config, uint8_t ret[static FLEET_HASH_LEN],
                                   struct espt_error *err);

/* --- tiers.c --- */
/* If the journal has lost the fleet's tier table, puts that of this machine there; fails if that is
   another one. */
ESPT_MUST_USE int tiers_put_back(struct fleet *fleet, const struct fleet_position *position,
                                 struct espt_error *err);

/* --- replay.c --- */
/* Applies entries after the state of the transaction, until the first that is not there yet, and
   until the time of fleet_within() is over. It also stops after `most` entries or many bytes, and
   sets fleet->more. *ret_count is how many. Failures are the transaction's. */
void replay(struct fleet *fleet, struct txn *txn, uint64_t most, uint64_t *ret_count);

/* --- fits.c --- */
/* Requires that the journal has the entry at which the store stands. */
ESPT_MUST_USE int replay_fits(struct fleet *fleet, const struct fleet_position *position,
                              struct espt_error *err);
/* The failure that the journal has another entry than the store at that position. */
int fleet_other_history(const struct fleet_position *position, struct espt_error *err);
/* The fleet has no entry yet. */
static inline bool fleet_is_first(const struct fleet_position *position)
{
    return sodium_is_zero(position->hash, sizeof position->hash);
}

/* --- join_tables.c --- */
/* Empties what the members of a fleet share. */
void join_clear(struct txn *txn);
/* Afterwards: removes what is of this machine alone and belongs to tokens that are gone. */
void join_tidy(struct txn *txn);

/* --- join_edge.c --- */
/* Puts the newest snapshot for edges in place of the shared tables. False: the journal names none,
   and nothing was done. Failures are the transaction's. `continues`: the snapshot must be later
   than the state, and of the same history. */
bool edge_join(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust,
               bool continues);

/* --- rejoin.c --- */
/* Whether the journal begins after the entry at which the store stands. */
bool fleet_is_behind(struct fleet *fleet, const struct fleet_position *position);
/* At an edge that is behind: puts the newest snapshot, in one transaction. The entries after it are
   the next to apply. If it fails, the store stays as it was. */
ESPT_MUST_USE int fleet_rejoin(struct fleet *fleet, struct store *store, struct espt_error *err);

/* --- fresh.c --- */
/* A site has signed that this position was the newest at that time. What is more than a minute in
   the future does not count. */
void fresh_time(struct fleet_position *position, int64_t time);

/* Takes what the newest head says about this state, if it is signed, not from the future, and new.
   The entries before it must have been applied. */
ESPT_MUST_USE int fresh_head(struct fleet *fleet, struct store *store, bool locked,
                             struct espt_error *err);

/* --- edge.c --- */
/* Requires that the store may become that of an edge: its file must not hold, in free pages too,
   what an edge must not have. */
void edge_may_begin(struct txn *txn);

/* --- fleet.c --- */
/* A transaction that only follows. It needs neither the turn nor a key. */
ESPT_MUST_USE int fleet_begin_local(struct txn *ret_txn, struct store *store, bool locked,
                                    struct espt_error *err);
/* Opens the store again if a write failed, for example on a full disk, so that a daemon can go
   on. */
ESPT_MUST_USE int fleet_reopen(struct store *store, struct espt_error *err);
/* Applies what one transaction takes; fleet->more says whether there may be more. If an entry is
   refused, the good ones before it are applied all the same. */
ESPT_MUST_USE int fleet_apply_batch(struct fleet *fleet, struct store *store, bool locked,
                                    uint64_t *ret_count, struct espt_error *err);
/* As fleet_catch_up(), without the head. */
ESPT_MUST_USE int fleet_catch_up_before(struct fleet *fleet, struct store *store, bool locked,
                                        struct espt_error *err);

#endif
