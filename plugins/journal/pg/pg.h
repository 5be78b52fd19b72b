/* SPDX-License-Identifier: ISC */
/*
 * A journal in PostgreSQL. The number of an entry is a primary key, and its INSERT the
 * compare-and-swap.
 *
 * MUST 1: every wait for the server ends: each call has a deadline, and after a deadline the
 *         connection is closed, because what is still under way belongs to no later call.
 * MUST 2: nothing is left to a default of the server, the database or the role: each transaction
 *         sets its isolation, synchronous_commit and timeouts itself. No state of the session is
 *         relied on, so a pooler may give each transaction another connection.
 * MUST 3: before COMMIT was sent, a failure is certain. Afterwards only its tag is an answer:
 *         COMMIT is done, ROLLBACK is not, and anything else is unknown.
 * MUST 4: no PG* variable of the environment is read.
 */
#ifndef ESPT_JOURNAL_PG_H
#define ESPT_JOURNAL_PG_H

#include "espt/journal.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>

#define SETTINGS_MAX 16
#define PARAMS_MAX 5

struct espt_journal {
    /* settings of the connection, for PQconnectStartParams(); each text is owned */
    char *key[SETTINGS_MAX + 1], *value[SETTINGS_MAX + 1];
    size_t settings;
    uint32_t limit_ms;
    PGconn *conn; /* NULL: not connected */
    bool turn;    /* a transaction is open, and has the turn */
    /* since the turn began: the last entry (0: none), and the server's clock */
    uint64_t newest;
    int64_t clock, clock_at; /* seconds, and pg_now() then */
    uint32_t pieces;         /* WHOLE or EDGE */
    PGresult *batch;         /* entries that were read ahead, by number; NULL: none */
    PGresult *piece;         /* what get() or head_get() returned last */
    int64_t head;            /* version of the head that head_get() returned last; 0: none */
    bool tables;             /* they are known to exist */
    enum { NOT_TRIED, POLLS, LISTENING } listen; /* of this connection */
};

#define pg_say(status, err, err_len, ...) (snprintf((err), (err_len), __VA_ARGS__), (status))

/* --- connect.c --- */
int pg_settings(espt_journal *journal, const char *settings, const char *name, char *err,
                size_t err_len);
void pg_settings_free(espt_journal *journal);
/* Connects if necessary. DONE or FAILED. */
int pg_connect(espt_journal *journal, int64_t deadline, char *err, size_t err_len);
void pg_close(espt_journal *journal);
int64_t pg_now(void); /* monotonic milliseconds */
/* Waits until the socket can be read (or written). False: the deadline has passed, or it failed. */
bool pg_wait(PGconn *conn, bool to_write, int64_t deadline);

/* --- query.c --- */
struct pg_param {
    const char *bytes;
    int len;
    bool binary;
};
static inline struct pg_param pg_text(const char *text)
{
    return (struct pg_param){text, 0, false};
}
static inline struct pg_param pg_bytes(const uint8_t *bytes,
                                       size_t len) /* NULL of length 0: empty */
{
    return (struct pg_param){len > 0 ? (const char *)bytes : "", (int)len, true};
}
/* Runs one statement. NULL: no answer within the deadline, or the connection is lost; it is closed,
   and `err` is filled. The caller clears the result, which may be an error of the server. */
PGresult *pg_query(espt_journal *journal, const char *sql, const struct pg_param *params, int count,
                   int64_t deadline, char *err, size_t err_len);
/* The same, for a statement that must succeed. DONE or FAILED; *ret_result may be NULL. */
int pg_must(espt_journal *journal, const char *sql, const struct pg_param *params, int count,
            int64_t deadline, PGresult **ret_result, char *err, size_t err_len);
/* Writes the server's message. Returns `status`. */
int pg_say_result(int status, const PGresult *result, char *err, size_t err_len);
bool pg_is_state(const PGresult *result, const char *sqlstate);
/* Begins a transaction (MUST 2); `lock_ms` 0: waits for no lock at all. In the same message it runs
   the statements `more`. The result, as of pg_query(), is that of the last one. */
PGresult *pg_begin_with(espt_journal *journal, uint32_t lock_ms, const char *more, int64_t deadline,
                        char *err, size_t err_len);
/* The same without others. DONE or FAILED. */
int pg_begin(espt_journal *journal, uint32_t lock_ms, int64_t deadline, char *err, size_t err_len);
/* DONE, FAILED or UNKNOWN (MUST 3). `tells`: wakes members that wait, which is only a hint. */
int pg_commit(espt_journal *journal, bool tells, int64_t deadline, char *err, size_t err_len);
/* Ends the transaction without effect; closes the connection if that takes too long. */
void pg_rollback(espt_journal *journal);

/* --- tables.c --- */
/* Connects, finds or makes the tables, and sets the deadline of this call. */
int pg_ready(espt_journal *journal, int64_t *ret_deadline, char *err, size_t err_len);

/* --- read.c --- */
int pg_range(espt_journal *journal, uint64_t *ret_first, uint64_t *ret_last, char *err,
             size_t err_len);
int pg_read(espt_journal *journal, uint64_t number, espt_journal_entry *ret, char *err,
            size_t err_len);
int pg_clock(espt_journal *journal, int64_t *ret_seconds, char *err, size_t err_len);
int64_t pg_i64(const PGresult *result, int row, int column);

/* The turn is a lock of an empty table that only sites may take, because it needs the right to
 * UPDATE the table (roles.sql). The mode is the weakest that excludes itself. A stronger one would
 * also wait for ROW EXCLUSIVE, and any role gets that without a right by PREPARE of a DELETE. No
 * row is changed, so nothing is written and nothing is left to vacuum.
 */
#define PG_TURN "LOCK TABLE esp_token_turn IN SHARE UPDATE EXCLUSIVE MODE"

/* --- append.c --- */
int pg_append(espt_journal *journal, uint64_t number, const espt_journal_entry *entry, char *err,
              size_t err_len);
int pg_put(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len, char *err,
           size_t err_len);
/* Runs `lock` (may be NULL) and then `sql` in a transaction, which waits at most half of the time
   limit for a lock. `tells` as in pg_commit(). DONE: *ret_rows (may be NULL) is how many rows `sql`
   changed. */
int pg_change(espt_journal *journal, const char *lock, bool tells, const char *sql,
              const struct pg_param *params, int count, int *ret_rows, char *err, size_t err_len);

/* --- records.c --- */
int pg_get(espt_journal *journal, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
           char *err, size_t err_len);
int pg_drop(espt_journal *journal, const char *name, char *err, size_t err_len);
int pg_head_put(espt_journal *journal, const uint8_t *bytes, size_t len, char *err, size_t err_len);
int pg_head_get(espt_journal *journal, const uint8_t **ret_bytes, size_t *ret_len, char *err,
                size_t err_len);
int pg_piece_each(espt_journal *journal, int (*each)(void *arg, const char *name), void *arg,
                  char *err, size_t err_len);
int pg_trim(espt_journal *journal, uint64_t first, char *err, size_t err_len);
int pg_report_put(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len,
                  char *err, size_t err_len);
int pg_report_each(espt_journal *journal,
                   int (*each)(void *arg, const char *name, const uint8_t *bytes, size_t len),
                   void *arg, char *err, size_t err_len);

/* --- turn.c --- */
int pg_hold(espt_journal *journal, uint32_t wait_ms, char *err, size_t err_len);
int pg_keep(espt_journal *journal, char *err, size_t err_len);
void pg_release(espt_journal *journal);

/* --- wait.c --- */
#define PG_CHANNEL "esp_token_journal"
int pg_wait_news(espt_journal *journal, uint64_t last, uint32_t wait_ms, char *err, size_t err_len);

#endif
