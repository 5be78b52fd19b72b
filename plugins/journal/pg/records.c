/* SPDX-License-Identifier: ISC */
/* Pieces, head and reports; and what is removed. */
#include "journal/pg/pg.h"

#include "journal/names.h"

#include <string.h>

/* Reports that are read at once. */
#define REPORTS "64"
#define REPORTS_BYTES "4194304"
/* Entries that are removed at once. */
#define TRIM "1000"

/* Runs a query with at most one row, and keeps the row in journal->piece. `bytes` is its last
   column. */
static int find_one(espt_journal *journal, const char *sql, const char *key,
                    const uint8_t **ret_bytes, size_t *ret_len, char *err, size_t err_len)
{
    int64_t deadline;
    const struct pg_param param = pg_text(key);
    PQclear(journal->piece);
    journal->piece = NULL;
    int status = pg_ready(journal, &deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = pg_must(journal, sql, &param, key != NULL ? 1 : 0, deadline, &journal->piece, err,
                         err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    if (PQntuples(journal->piece) != 1)
        return ESPT_JOURNAL_NONE;
    const int column = PQnfields(journal->piece) - 1;
    *ret_bytes = (const uint8_t *)PQgetvalue(journal->piece, 0, column);
    *ret_len = (size_t)PQgetlength(journal->piece, 0, column);
    return ESPT_JOURNAL_DONE;
}

int pg_get(espt_journal *journal, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
           char *err, size_t err_len)
{
    return piece_name_ok(name)
               ? find_one(journal, "SELECT bytes FROM esp_token_piece WHERE name = $1::text", name,
                          ret_bytes, ret_len, err, err_len)
               : pg_say(ESPT_JOURNAL_FAILED, err, err_len, "not the name of a piece");
}

int pg_drop(espt_journal *journal, const char *name, char *err, size_t err_len)
{
    int rows;
    const struct pg_param param = pg_text(name);
    if (!piece_name_ok(name))
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "not the name of a piece");
    const int status =
        pg_change(journal, NULL, false, "DELETE FROM esp_token_piece WHERE name = $1::text", &param,
                  1, &rows, err, err_len);
    return status == ESPT_JOURNAL_DONE && rows == 0 ? ESPT_JOURNAL_NONE : status;
}

static int require_length(size_t len, char *err, size_t err_len)
{
    return len <= ESPT_JOURNAL_HEAD_MAX
               ? ESPT_JOURNAL_DONE
               : pg_say(ESPT_JOURNAL_FAILED, err, err_len, "it has more than %u bytes",
                        ESPT_JOURNAL_HEAD_MAX);
}

int pg_head_put(espt_journal *journal, const uint8_t *bytes, size_t len, char *err, size_t err_len)
{
    const struct pg_param param = pg_bytes(bytes, len);
    const int status = require_length(len, err, err_len);
    return status == ESPT_JOURNAL_DONE
               ? pg_change(journal, NULL, true,
                           "INSERT INTO esp_token_head (bytes) VALUES ($1::bytea) ON CONFLICT "
                           "(one) DO UPDATE SET version = esp_token_head.version + 1, bytes = "
                           "excluded.bytes",
                           &param, 1, NULL, err, err_len)
               : status;
}

int pg_head_get(espt_journal *journal, const uint8_t **ret_bytes, size_t *ret_len, char *err,
                size_t err_len)
{
    journal->head = 0;
    const int status = find_one(journal, "SELECT version, bytes FROM esp_token_head", NULL,
                                ret_bytes, ret_len, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        journal->head = pg_i64(journal->piece, 0, 0);
    return status;
}

/* Takes the turn, as each INSERT of an entry does. Otherwise an INSERT that has already found the
   entry before its own could add again an entry that was appended and trimmed meanwhile. */
int pg_trim(espt_journal *journal, uint64_t first, char *err, size_t err_len)
{
    char number[32] = "";
    int rows = 1, status = ESPT_JOURNAL_DONE;
    const int64_t until = pg_now() + journal->limit_ms;
    const struct pg_param param = pg_text(number);
    snprintf(number, sizeof number, "%llu",
             (unsigned long long)(first > INT64_MAX ? INT64_MAX : first));
    while (status == ESPT_JOURNAL_DONE && rows > 0) {
        if (pg_now() >= until)
            return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "not all entries are removed yet");
        status = pg_change(journal, PG_TURN, false,
                           "DELETE FROM esp_token_entry WHERE number < least($1::bigint, (SELECT "
                           "max(number) FROM esp_token_entry), (SELECT min(number) FROM "
                           "esp_token_entry) + " TRIM ")",
                           &param, 1, &rows, err, err_len);
    }
    return status;
}

int pg_piece_each(espt_journal *journal, int (*each)(void *arg, const char *name), void *arg,
                  char *err, size_t err_len)
{
    int64_t deadline;
    PGresult *result;
    int status = pg_ready(journal, &deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = pg_must(journal, "SELECT name FROM esp_token_piece", NULL, 0, deadline, &result,
                         err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    for (int row = 0; row < PQntuples(result); row++) {
        const char *name = PQgetvalue(result, row, 0);
        if (piece_name_ok(name) && each(arg, name) != 0)
            break;
    }
    PQclear(result);
    return status;
}

/* --- reports --- */

int pg_report_put(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len,
                  char *err, size_t err_len)
{
    const struct pg_param params[] = {pg_text(name), pg_bytes(bytes, len)};
    if (!member_name_ok(name))
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "not the name of a member");
    const int status = require_length(len, err, err_len);
    return status == ESPT_JOURNAL_DONE
               ? pg_change(journal, NULL, false,
                           "INSERT INTO esp_token_report (name, bytes) VALUES ($1::text, "
                           "$2::bytea) ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes",
                           params, 2, NULL, err, err_len)
               : status;
}

/* The next reports after `name`; NULL: none were read. */
static int read_reports(espt_journal *journal, const char *name, PGresult **ret, char *err,
                        size_t err_len)
{
    int64_t deadline;
    const struct pg_param param = pg_text(name);
    *ret = NULL;
    int status = pg_ready(journal, &deadline, err, err_len);
    return status == ESPT_JOURNAL_DONE
               ? pg_must(journal,
                         "SELECT name, bytes FROM (SELECT name, bytes, sum(octet_length(bytes)) "
                         "OVER (ORDER BY name) - octet_length(bytes) AS before FROM (SELECT * FROM "
                         "esp_token_report WHERE name > $1::text ORDER BY name LIMIT " REPORTS
                         ") AS following) AS ahead WHERE before < " REPORTS_BYTES " ORDER BY name",
                         &param, 1, deadline, ret, err, err_len)
               : status;
}

/* Calls `each` for the rows, which must be in order of name (`name` is the last one so far). 1: go
   on. 0: `each` wants no more. -1: the server sent something else. */
static int call_each(const PGresult *result, char name[static ESPT_JOURNAL_NAME_MAX + 1],
                     int (*each)(void *arg, const char *name, const uint8_t *bytes, size_t len),
                     void *arg)
{
    for (int row = 0; row < PQntuples(result); row++) {
        const char *next = PQgetvalue(result, row, 0);
        if (!member_name_ok(next) || strcmp(next, name) <= 0)
            return -1;
        snprintf(name, ESPT_JOURNAL_NAME_MAX + 1, "%s", next);
        if (each(arg, name, (const uint8_t *)PQgetvalue(result, row, 1),
                 (size_t)PQgetlength(result, row, 1)) != 0)
            return 0;
    }
    return 1;
}

int pg_report_each(espt_journal *journal,
                   int (*each)(void *arg, const char *name, const uint8_t *bytes, size_t len),
                   void *arg, char *err, size_t err_len)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1] = "";
    for (int more = 1; more > 0;) {
        PGresult *result;
        const int status = read_reports(journal, name, &result, err, err_len);
        if (status != ESPT_JOURNAL_DONE)
            return status;
        more = call_each(result, name, each, arg);
        if (more > 0 && PQntuples(result) == 0)
            more = 0;
        PQclear(result);
        if (more < 0)
            return pg_say(ESPT_JOURNAL_FAILED, err, err_len,
                          "the server sent something else than was asked for");
    }
    return ESPT_JOURNAL_DONE;
}
