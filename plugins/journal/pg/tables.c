/* SPDX-License-Identifier: ISC */
/* The tables of the database, which each call needs. */
#include "journal/pg/pg.h"

/* A number, once taken, keeps its entry. Values are stored uncompressed, because sealed texts and
   hashes do not shrink. */
#define AS_IT_IS(column) " ALTER COLUMN " column " SET STORAGE EXTERNAL"
static const char tables[] =
    "BEGIN;"
    "CREATE TABLE IF NOT EXISTS esp_token_entry (number bigint PRIMARY KEY CHECK (number > 0),"
    " head bytea NOT NULL, log bytea NOT NULL, edge bytea NOT NULL, vault bytea NOT NULL);"
    "ALTER TABLE esp_token_entry" AS_IT_IS("head") "," AS_IT_IS("log") "," AS_IT_IS("edge") "," //
    AS_IT_IS("vault") ";"
                      "CREATE TABLE IF NOT EXISTS esp_token_piece (name text PRIMARY KEY, bytes "
                      "bytea NOT NULL);"
                      "ALTER TABLE esp_token_piece" AS_IT_IS(
                          "bytes") ";"
                                   "CREATE TABLE IF NOT EXISTS esp_token_head (one boolean PRIMARY "
                                   "KEY DEFAULT true CHECK (one),"
                                   " version bigint NOT NULL DEFAULT 1, bytes bytea NOT NULL CHECK "
                                   "(length(bytes) <= 1048576));"
                                   "CREATE TABLE IF NOT EXISTS esp_token_report (name text COLLATE "
                                   "\"C\" PRIMARY KEY CHECK"
                                   " (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),"
                                   " bytes bytea NOT NULL CHECK (length(bytes) <= 1048576));"
                                   "CREATE TABLE IF NOT EXISTS esp_token_turn ();"
                                   "COMMIT";

static int find_tables(espt_journal *journal, int64_t deadline, char *err, size_t err_len)
{
    PGresult *found;
    int status = pg_must(journal,
                         "SELECT to_regclass('esp_token_entry') IS NOT NULL AND "
                         "to_regclass('esp_token_piece') IS NOT NULL AND "
                         "to_regclass('esp_token_head') IS NOT NULL AND "
                         "to_regclass('esp_token_report') IS NOT NULL AND "
                         "to_regclass('esp_token_turn') IS NOT NULL",
                         NULL, 0, deadline, &found, err, err_len);
    if (status == ESPT_JOURNAL_DONE) {
        journal->tables = *PQgetvalue(found, 0, 0) == 1;
        PQclear(found);
    }
    return status;
}

/* Makes the tables if they are missing and this role may. Another site may make them at the same
   moment; then this attempt fails, and they are there. */
static int make_tables(espt_journal *journal, int64_t deadline, char *err, size_t err_len)
{
    char why[256] = "another role owns them";
    int status = find_tables(journal, deadline, err, err_len);
    if (status != ESPT_JOURNAL_DONE || journal->tables)
        return status;
    if (pg_must(journal, tables, NULL, 0, deadline, NULL, why, sizeof why) != ESPT_JOURNAL_DONE)
        pg_rollback(journal);
    status = pg_connect(journal, deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = find_tables(journal, deadline, err, err_len);
    if (status != ESPT_JOURNAL_DONE || journal->tables)
        return status;
    return pg_say(ESPT_JOURNAL_FAILED, err, err_len,
                  "the tables of the journal are missing and cannot be made: %s; run 'esp-tokenctl "
                  "fleet init' first, as a role that may make tables",
                  why);
}

int pg_ready(espt_journal *journal, int64_t *ret_deadline, char *err, size_t err_len)
{
    *ret_deadline = pg_now() + journal->limit_ms;
    int status = pg_connect(journal, *ret_deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE && !journal->tables)
        status = make_tables(journal, *ret_deadline, err, err_len);
    return status;
}
