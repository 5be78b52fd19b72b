/* SPDX-License-Identifier: ISC */
/* What adds to the journal: entries and pieces. */
#include "journal/pg/pg.h"

#include "journal/names.h"

#include <stdlib.h>
#include <string.h>

#define UNIQUE_VIOLATION "23505"
#define LOCK_NOT_AVAILABLE "55P03"
#define NOT_IN_TURN "this process has the turn; give it back first"

/* One row to add, and how to find it again. */
struct row {
    const char *insert,
        *find; /* SQL; $1 is the key, the others are the columns that `find` reads */
    struct pg_param params[PARAMS_MAX];
    int count;
};

static bool is_same(const PGresult *result, const struct row *row)
{
    for (int i = 1; i < row->count; i++) {
        const int len = PQgetlength(result, 0, i - 1);
        if (len != row->params[i].len ||
            (len > 0 &&
             memcmp(PQgetvalue(result, 0, i - 1), row->params[i].bytes, (size_t)len) != 0))
            return false;
    }
    return true;
}

/* The key is taken: the same bytes are DONE, because the call may be repeated. */
static int compare(espt_journal *journal, const struct row *row, int64_t deadline, char *err,
                   size_t err_len)
{
    PGresult *result;
    if (pg_must(journal, row->find, row->params, 1, deadline, &result, err, err_len) !=
        ESPT_JOURNAL_DONE)
        return ESPT_JOURNAL_UNKNOWN;
    int status = ESPT_JOURNAL_NONE;
    if (PQntuples(result) == 1)
        status = is_same(result, row) ? ESPT_JOURNAL_DONE : ESPT_JOURNAL_TAKEN;
    PQclear(result);
    return status;
}

/* Within a transaction. DONE: *ret_rows are changed, and wait for COMMIT. UNKNOWN: another
   transaction holds the key and has not ended; it may be an earlier attempt of this call. */
static int run(espt_journal *journal, const char *sql, const struct pg_param *params, int count,
               int *ret_rows, int64_t deadline, char *err, size_t err_len)
{
    PGresult *result = pg_query(journal, sql, params, count, deadline, err, err_len);
    if (result == NULL)
        return ESPT_JOURNAL_FAILED; /* COMMIT was not sent */
    int status = ESPT_JOURNAL_FAILED;
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        status = ESPT_JOURNAL_DONE;
    else if (pg_is_state(result, UNIQUE_VIOLATION))
        status = ESPT_JOURNAL_TAKEN;
    else
        pg_say_result(status, result, err, err_len);
    if (pg_is_state(result, LOCK_NOT_AVAILABLE))
        status = ESPT_JOURNAL_UNKNOWN;
    *ret_rows = (int)strtol(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return status;
}

/* Begins a transaction unless the turn is one, runs the statement, and ends the transaction. */
static int change(espt_journal *journal, const char *lock, bool tells, const char *sql,
                  const struct pg_param *params, int count, int *ret_rows, int64_t deadline,
                  char *err, size_t err_len)
{
    int status = ESPT_JOURNAL_DONE;
    if (!journal->turn)
        status = pg_begin(journal, journal->limit_ms / 2, deadline, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    if (lock != NULL)
        status = run(journal, lock, NULL, 0, ret_rows, deadline, err, err_len);
    if (status == ESPT_JOURNAL_UNKNOWN) /* the lock was not free */
        status = ESPT_JOURNAL_FAILED;
    if (status == ESPT_JOURNAL_DONE)
        status = run(journal, sql, params, count, ret_rows, deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        return pg_commit(journal, tells, deadline, err, err_len);
    pg_rollback(journal);
    return status;
}

int pg_change(espt_journal *journal, const char *lock, bool tells, const char *sql,
              const struct pg_param *params, int count, int *ret_rows, char *err, size_t err_len)
{
    int64_t deadline;
    int rows = 0;
    if (journal->turn)
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, NOT_IN_TURN);
    int status = pg_ready(journal, &deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = change(journal, lock, tells, sql, params, count, &rows, deadline, err, err_len);
    if (ret_rows != NULL)
        *ret_rows = rows;
    return status;
}

/* `lock` and `tells` as in pg_change(). NONE: nothing was added, and the key is free. */
static int add_row(espt_journal *journal, const char *lock, bool tells, const struct row *row,
                   char *err, size_t err_len)
{
    int64_t deadline = pg_now() + journal->limit_ms;
    int rows = 0, status = ESPT_JOURNAL_DONE;
    if (!journal->turn)
        status = pg_ready(journal, &deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = change(journal, lock, tells, row->insert, row->params, row->count, &rows, deadline,
                        err, err_len);
    if (status == ESPT_JOURNAL_DONE && rows == 0)
        return ESPT_JOURNAL_NONE;
    if (status != ESPT_JOURNAL_TAKEN)
        return status;
    if (pg_connect(journal, deadline, err, err_len) != ESPT_JOURNAL_DONE)
        return ESPT_JOURNAL_UNKNOWN;
    return compare(journal, row, deadline, err, err_len);
}

static bool fits(const espt_journal_entry *entry)
{
    const size_t max = ESPT_JOURNAL_ENTRY_MAX;
    return entry->head_len <= max && entry->log_len <= max && entry->edge_len <= max &&
           entry->vault_len <= max &&
           entry->head_len + entry->log_len + entry->edge_len + entry->vault_len <= max;
}

#define INSERT_ENTRY "INSERT INTO esp_token_entry (number, head, log, edge, vault) "
#define ENTRY_VALUES "$1::bigint, $2::bytea, $3::bytea, $4::bytea, $5::bytea"
/* Within the turn it is known that the entry before is there, because others neither append nor
   trim. */
#define INSERT_NEXT INSERT_ENTRY "VALUES (" ENTRY_VALUES ")"
#define INSERT_CHECKED                                                                      \
    INSERT_ENTRY "SELECT " ENTRY_VALUES " WHERE EXISTS (SELECT FROM esp_token_entry WHERE " \
                 "number IN ($1::bigint - 1, $1::bigint)) OR NOT EXISTS (SELECT FROM "      \
                 "esp_token_entry)"

int pg_append(espt_journal *journal, uint64_t number, const espt_journal_entry *entry, char *err,
              size_t err_len)
{
    char key[32];
    snprintf(key, sizeof key, "%llu", (unsigned long long)number);
    const struct row row = {
        .insert = journal->turn && number == journal->newest + 1 ? INSERT_NEXT : INSERT_CHECKED,
        .find = "SELECT head, log, edge, vault FROM esp_token_entry WHERE number = $1::bigint",
        .params = {pg_text(key), pg_bytes(entry->head, entry->head_len),
                   pg_bytes(entry->log, entry->log_len), pg_bytes(entry->edge, entry->edge_len),
                   pg_bytes(entry->vault, entry->vault_len)},
        .count = 5,
    };
    if (number == 0 || number > INT64_MAX)
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "entries are numbered from 1");
    if (!fits(entry))
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "the entry has more than %u bytes",
                      ESPT_JOURNAL_ENTRY_MAX);
    /* without the turn, its lock is taken for this statement: see pg_trim() */
    const int status = add_row(journal, journal->turn ? NULL : PG_TURN, true, &row, err, err_len);
    if (status == ESPT_JOURNAL_NONE)
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len,
                      "entry %llu is missing; nothing was appended",
                      (unsigned long long)number - 1);
    return status;
}

int pg_put(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len, char *err,
           size_t err_len)
{
    const struct row row = {
        .insert = "INSERT INTO esp_token_piece (name, bytes) VALUES ($1::text, $2::bytea)",
        .find = "SELECT bytes FROM esp_token_piece WHERE name = $1::text",
        .params = {pg_text(name), pg_bytes(bytes, len)},
        .count = 2,
    };
    if (!piece_name_ok(name))
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "not the name of a piece");
    if (len > ESPT_JOURNAL_ENTRY_MAX)
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "it has more than %u bytes",
                      ESPT_JOURNAL_ENTRY_MAX);
    if (journal->turn)
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, NOT_IN_TURN);
    return add_row(journal, NULL, false, &row, err, err_len);
}
