/* SPDX-License-Identifier: ISC */
/* Statements and transactions with deadlines. */
#include "journal/pg/pg.h"

#include <string.h>

/* Ends the turn of a frozen site. */
#define IDLE "10s"
#define ROLLBACK_MS 2000
#define TLS_MS 50

int pg_say_result(int status, const PGresult *result, char *err, size_t err_len)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return pg_say(status, err, err_len, "the server says: %s",
                  message != NULL ? message : "it sent something else than was asked for");
}

bool pg_is_state(const PGresult *result, const char *sqlstate)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && strcmp(state, sqlstate) == 0;
}

static bool send(PGconn *conn, const char *sql, const struct pg_param *params, int count)
{
    if (count == 0 && strchr(sql, ';') != NULL)
        return PQsendQuery(conn, sql) == 1;
    const char *values[PARAMS_MAX] = {NULL};
    int lengths[PARAMS_MAX] = {0}, formats[PARAMS_MAX] = {0};
    for (int i = 0; i < count; i++) {
        values[i] = params[i].bytes;
        lengths[i] = params[i].len;
        formats[i] = params[i].binary;
    }
    return PQsendQueryParams(conn, sql, count, NULL, values, lengths, formats, 1) == 1;
}

/* Sends what is buffered, and reads until the whole answer is here. */
static bool exchange(PGconn *conn, int64_t deadline)
{
    for (int left; (left = PQflush(conn)) != 0;) {
        if (left < 0 || !pg_wait(conn, true, deadline) || PQconsumeInput(conn) == 0)
            return false;
    }
    while (PQisBusy(conn)) {
        /* TLS may hold bytes back that poll() does not see (PostgreSQL 17 sends records that are
           longer than the room in libpq's buffer) */
        const int64_t again = pg_now() + TLS_MS;
        const bool looks = PQsslInUse(conn) && again < deadline;
        if ((!pg_wait(conn, false, looks ? again : deadline) && !looks) ||
            PQconsumeInput(conn) == 0)
            return false;
    }
    return true;
}

/* The result of the last statement of the message, or that of the first one. */
enum which { LAST, FIRST };

static PGresult *query(espt_journal *journal, const char *sql, const struct pg_param *params,
                       int count, enum which which, int64_t deadline, char *err, size_t err_len)
{
    PGconn *conn = journal->conn;
    PGresult *result = NULL, *next;
    if (conn == NULL) {
        snprintf(err, err_len, "the connection to the server is lost");
        return NULL;
    }
    bool good = send(conn, sql, params, count);
    while (good && (good = exchange(conn, deadline)) && (next = PQgetResult(conn)) != NULL) {
        const bool keeps = result != NULL && which == FIRST;
        PQclear(keeps ? next : result); /* an error is the last result: it ends the others */
        result = keeps ? result : next;
    }
    if (good && result != NULL && PQstatus(conn) == CONNECTION_OK)
        return result;
    PQclear(result);
    snprintf(err, err_len, "%s",
             PQstatus(conn) == CONNECTION_OK ? "the server does not answer"
                                             : "the connection to the server is lost");
    pg_close(journal);
    return NULL;
}

PGresult *pg_query(espt_journal *journal, const char *sql, const struct pg_param *params, int count,
                   int64_t deadline, char *err, size_t err_len)
{
    return query(journal, sql, params, count, LAST, deadline, err, err_len);
}

int pg_must(espt_journal *journal, const char *sql, const struct pg_param *params, int count,
            int64_t deadline, PGresult **ret_result, char *err, size_t err_len)
{
    PGresult *result = pg_query(journal, sql, params, count, deadline, err, err_len);
    if (result == NULL)
        return ESPT_JOURNAL_FAILED;
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        pg_say_result(ESPT_JOURNAL_FAILED, result, err, err_len);
        PQclear(result);
        return ESPT_JOURNAL_FAILED;
    }
    if (ret_result != NULL)
        *ret_result = result;
    else
        PQclear(result);
    return ESPT_JOURNAL_DONE;
}

PGresult *pg_begin_with(espt_journal *journal, uint32_t lock_ms, const char *more, int64_t deadline,
                        char *err, size_t err_len)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
             "SET LOCAL synchronous_commit = on;"
             "SET LOCAL statement_timeout = 0;"
             "SET LOCAL idle_in_transaction_session_timeout = '" IDLE "';"
             "SET LOCAL tcp_user_timeout = '" IDLE "';"
             "SET LOCAL lock_timeout = %u;%s",
             (unsigned)(lock_ms > 0 ? lock_ms : 1), more);
    return pg_query(journal, sql, NULL, 0, deadline, err, err_len);
}

int pg_begin(espt_journal *journal, uint32_t lock_ms, int64_t deadline, char *err, size_t err_len)
{
    PGresult *result = pg_begin_with(journal, lock_ms, "", deadline, err, err_len);
    int status = ESPT_JOURNAL_FAILED;
    if (result != NULL && PQresultStatus(result) == PGRES_COMMAND_OK)
        status = ESPT_JOURNAL_DONE;
    else if (result != NULL)
        pg_say_result(status, result, err, err_len);
    PQclear(result);
    if (status != ESPT_JOURNAL_DONE)
        pg_rollback(journal);
    return status;
}

/* NOTIFY runs in a transaction of its own, after the COMMIT: its outcome does not matter. */
int pg_commit(espt_journal *journal, bool tells, int64_t deadline, char *err, size_t err_len)
{
    journal->turn = false;
    PGresult *result = query(journal, tells ? "COMMIT;NOTIFY " PG_CHANNEL : "COMMIT", NULL, 0,
                             FIRST, deadline, err, err_len);
    if (result == NULL)
        return ESPT_JOURNAL_UNKNOWN;
    const char *tag = PQcmdStatus(result);
    int status = ESPT_JOURNAL_DONE;
    if (PQresultStatus(result) == PGRES_COMMAND_OK && strcmp(tag, "ROLLBACK") == 0)
        status = pg_say(ESPT_JOURNAL_FAILED, err, err_len, "the server rolled back");
    else if (PQresultStatus(result) != PGRES_COMMAND_OK || strcmp(tag, "COMMIT") != 0)
        status = pg_say_result(ESPT_JOURNAL_UNKNOWN, result, err, err_len);
    PQclear(result);
    if (status == ESPT_JOURNAL_UNKNOWN)
        pg_close(journal);
    return status;
}

void pg_rollback(espt_journal *journal)
{
    char ignored[256];
    journal->turn = false;
    if (journal->conn != NULL && pg_must(journal, "ROLLBACK", NULL, 0, pg_now() + ROLLBACK_MS, NULL,
                                         ignored, sizeof ignored) != ESPT_JOURNAL_DONE)
        pg_close(journal);
}
