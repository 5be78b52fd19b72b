/* SPDX-License-Identifier: ISC */
/* Reads entries, several at once. */
#include "journal/pg/pg.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* The most entries, and the most bytes, that are read ahead. The entry that was asked for is always
   read. */
#define AHEAD "1000"
#define AHEAD_BYTES "4194304"
/* Within the turn. A site that freezes while it has room for the whole answer leaves the server
   idle in the transaction, and so the server ends the turn. */
#define TURN_BYTES "65536"

/* An edge's role may read these columns alone. */
#define EDGE_COLUMNS "head, edge"
#define EDGE_LENGTH "octet_length(head) + octet_length(edge)"
#define WHOLE_COLUMNS "head, edge, log, vault"
#define WHOLE_LENGTH EDGE_LENGTH " + octet_length(log) + octet_length(vault)"
enum { NUMBER, HEAD, EDGE, LOG, VAULT }; /* columns of the batch */

/* From $1; $2 is the bytes, $3 the entry that was asked for. */
#define AHEAD_SQL(columns, length)                                                          \
    "SELECT number, " columns " FROM (SELECT number, " columns ", sum(" length              \
    ") OVER (ORDER BY number) AS bytes FROM esp_token_entry WHERE number >= $1::bigint "    \
    "AND number < $1::bigint + " AHEAD ") AS ahead WHERE number <= $3::bigint OR bytes <= " \
    "$2::bigint ORDER BY number"
/* The two that each member asks for first: the next entry, and its own. */
#define NEAR_SQL(columns)                                                              \
    "SELECT number, " columns " FROM esp_token_entry WHERE number BETWEEN $1::bigint " \
    "AND $1::bigint + 1 ORDER BY number"
#define LENGTH_SQL(length) \
    "SELECT (" length ")::bigint FROM esp_token_entry WHERE number = $1::bigint"

int64_t pg_i64(const PGresult *result, int row, int column)
{
    uint64_t be;
    if (PQgetlength(result, row, column) != sizeof be)
        return 0;
    memcpy(&be, PQgetvalue(result, row, column), sizeof be);
    return (int64_t)be64toh(be);
}

int pg_range(espt_journal *journal, uint64_t *ret_first, uint64_t *ret_last, char *err,
             size_t err_len)
{
    int64_t deadline;
    PGresult *result;
    int status = pg_ready(journal, &deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = pg_must(journal, "SELECT min(number), max(number) FROM esp_token_entry", NULL, 0,
                         deadline, &result, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    const int64_t first = pg_i64(result, 0, 0), last = pg_i64(result, 0, 1);
    PQclear(result);
    if (last <= 0)
        return ESPT_JOURNAL_NONE;
    *ret_first = (uint64_t)first;
    *ret_last = (uint64_t)last;
    return ESPT_JOURNAL_DONE;
}

/* --- reading --- */

static const uint8_t *column(const PGresult *batch, int row, int at, size_t *ret_len)
{
    *ret_len = (size_t)PQgetlength(batch, row, at);
    return (const uint8_t *)PQgetvalue(batch, row, at);
}

static bool in_batch(const espt_journal *journal, uint64_t number, espt_journal_entry *ret)
{
    const PGresult *batch = journal->batch;
    if (batch == NULL || PQntuples(batch) == 0)
        return false;
    const uint64_t row = number - (uint64_t)pg_i64(batch, 0, NUMBER);
    if (row >= (uint64_t)PQntuples(batch) || (uint64_t)pg_i64(batch, (int)row, NUMBER) != number)
        return false;
    *ret = (espt_journal_entry){0};
    ret->head = column(batch, (int)row, HEAD, &ret->head_len);
    ret->edge = column(batch, (int)row, EDGE, &ret->edge_len);
    if (journal->pieces == ESPT_JOURNAL_EDGE)
        return true;
    ret->log = column(batch, (int)row, LOG, &ret->log_len);
    ret->vault = column(batch, (int)row, VAULT, &ret->vault_len);
    return true;
}

/* DONE, NONE, or BUSY: the entry is too long to be read within the turn. */
static int check_length(espt_journal *journal, const struct pg_param *number, int64_t deadline,
                        char *err, size_t err_len)
{
    PGresult *result;
    int status = pg_must(journal,
                         journal->pieces == ESPT_JOURNAL_EDGE ? LENGTH_SQL(EDGE_LENGTH)
                                                              : LENGTH_SQL(WHOLE_LENGTH),
                         number, 1, deadline, &result, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    if (PQntuples(result) == 0)
        status = ESPT_JOURNAL_NONE;
    else if (pg_i64(result, 0, 0) > strtoll(TURN_BYTES, NULL, 10))
        status = pg_say(ESPT_JOURNAL_BUSY, err, err_len,
                        "the next entry is too long to be read within the turn");
    PQclear(result);
    return status;
}

/* Whether the caller reads one entry after the other. */
static bool goes_on(const espt_journal *journal, uint64_t number)
{
    const PGresult *batch = journal->batch;
    const int rows = batch != NULL ? PQntuples(batch) : 0;
    return rows > 1 && (uint64_t)pg_i64(batch, rows - 1, NUMBER) + 1 == number;
}

static const char *batch_sql(const espt_journal *journal, bool ahead)
{
    if (journal->pieces == ESPT_JOURNAL_EDGE)
        return ahead ? AHEAD_SQL(EDGE_COLUMNS, EDGE_LENGTH) : NEAR_SQL(EDGE_COLUMNS);
    return ahead ? AHEAD_SQL(WHOLE_COLUMNS, WHOLE_LENGTH) : NEAR_SQL(WHOLE_COLUMNS);
}

/* Outside the turn the entry before is read too, because members compare it with their own. */
static int read_batch(espt_journal *journal, uint64_t number, char *err, size_t err_len)
{
    char from[32] = "", asked[32] = "";
    int64_t deadline;
    const bool turn = journal->turn, ahead = turn || goes_on(journal, number);
    const struct pg_param params[] = {pg_text(from), pg_text(turn ? TURN_BYTES : AHEAD_BYTES),
                                      pg_text(asked)};
    snprintf(from, sizeof from, "%llu", (unsigned long long)number - !turn);
    snprintf(asked, sizeof asked, "%llu", (unsigned long long)number);
    PQclear(journal->batch);
    journal->batch = NULL;
    int status = pg_ready(journal, &deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE && turn)
        status = check_length(journal, &params[2], deadline, err, err_len);
    return status == ESPT_JOURNAL_DONE
               ? pg_must(journal, batch_sql(journal, ahead), params, ahead ? 3 : 1, deadline,
                         &journal->batch, err, err_len)
               : status;
}

int pg_read(espt_journal *journal, uint64_t number, espt_journal_entry *ret, char *err,
            size_t err_len)
{
    if (number == 0 || number > INT64_MAX)
        return ESPT_JOURNAL_NONE;
    if (in_batch(journal, number, ret))
        return ESPT_JOURNAL_DONE;
    if (journal->turn && number > journal->newest)
        return ESPT_JOURNAL_NONE; /* nobody else appends */
    int status = read_batch(journal, number, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    return in_batch(journal, number, ret) ? ESPT_JOURNAL_DONE : ESPT_JOURNAL_NONE;
}

int pg_clock(espt_journal *journal, int64_t *ret_seconds, char *err, size_t err_len)
{
    int64_t deadline;
    PGresult *result;
    if (journal->turn) {
        *ret_seconds = journal->clock + (pg_now() - journal->clock_at) / 1000;
        return ESPT_JOURNAL_DONE;
    }
    int status = pg_ready(journal, &deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = pg_must(journal, "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint",
                         NULL, 0, deadline, &result, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    *ret_seconds = pg_i64(result, 0, 0);
    PQclear(result);
    return ESPT_JOURNAL_DONE;
}
