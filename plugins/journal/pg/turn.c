/* SPDX-License-Identifier: ISC */
/* The turn. */
#include "journal/pg/pg.h"

#include <stdlib.h>

/* The site that has the turn, for the message. Every role sees the application_name of others. */
static int fail_busy(espt_journal *journal, char *err, size_t err_len)
{
    PGresult *result = NULL;
    char ignored[256];
    const int status =
        pg_must(journal,
                "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE "
                "relation = 'esp_token_turn'::regclass AND granted AND database = (SELECT oid FROM "
                "pg_database WHERE datname = current_database()) AND application_name <> '' AND "
                "mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')",
                NULL, 0, pg_now() + journal->limit_ms, &result, ignored, sizeof ignored);
    const bool found = status == ESPT_JOURNAL_DONE && PQntuples(result) > 0;
    snprintf(err, err_len, "%.*s", found ? PQgetlength(result, 0, 0) : 7,
             found ? PQgetvalue(result, 0, 0) : "unknown");
    PQclear(result);
    return ESPT_JOURNAL_BUSY;
}

/* A round trip costs more than what it asks. So the message that takes the turn also asks what each
   writer needs to know next. The SELECT sees what was committed before it began, so it comes
   last. */
#define TAKE_TURN                                                                             \
    PG_TURN ";SELECT coalesce(max(number), 0), floor(extract(epoch FROM clock_timestamp())) " \
            "FROM esp_token_entry"

int pg_hold(espt_journal *journal, uint32_t wait_ms, char *err, size_t err_len)
{
    int64_t deadline;
    if (journal->turn)
        return ESPT_JOURNAL_DONE;
    int status = pg_ready(journal, &deadline, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    PGresult *result = pg_begin_with(journal, wait_ms, TAKE_TURN, deadline + wait_ms, err, err_len);
    journal->turn = result != NULL && PQresultStatus(result) == PGRES_TUPLES_OK &&
                    PQntuples(result) == 1 && PQnfields(result) == 2;
    if (journal->turn) {
        journal->newest = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
        journal->clock = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
        journal->clock_at = pg_now();
    }
    const bool busy = result != NULL && pg_is_state(result, "55P03");
    status = journal->turn ? ESPT_JOURNAL_DONE : ESPT_JOURNAL_FAILED;
    if (result != NULL && !journal->turn)
        pg_say_result(status, result, err, err_len);
    PQclear(result);
    if (!journal->turn)
        pg_rollback(journal);
    if (busy && pg_connect(journal, pg_now() + journal->limit_ms, err, err_len) == 0)
        return fail_busy(journal, err, err_len);
    return status;
}

int pg_keep(espt_journal *journal, char *err, size_t err_len)
{
    if (!journal->turn)
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "this process does not have the turn");
    return pg_must(journal, "SELECT 1", NULL, 0, pg_now() + journal->limit_ms, NULL, err, err_len);
}

void pg_release(espt_journal *journal)
{
    if (journal->turn)
        pg_rollback(journal);
}
