/* SPDX-License-Identifier: ISC */
/* The table of the plugin: open, and the tables of the database. */
#include "journal/pg/pg.h"

#include "build_config.h"

#include <stdlib.h>
#include <string.h>

/* A number, once taken, keeps its entry. Values are stored as they are, because sealed texts and
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

static void close_journal(espt_journal *journal)
{
    if (journal == NULL)
        return;
    pg_close(journal);
    PQclear(journal->batch);
    PQclear(journal->piece);
    pg_settings_free(journal);
    free(journal);
}

static void set_limit(espt_journal *journal, uint32_t limit_ms)
{
    journal->limit_ms = limit_ms > 0 ? limit_ms : 1;
}

static int open_journal(espt_journal **ret, const char *settings, const char *name, uint32_t pieces,
                        uint32_t limit_ms, char *err, size_t err_len)
{
    espt_journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "out of memory");
    journal->pieces = pieces;
    set_limit(journal, limit_ms);
    int status = pg_settings(journal, settings, name, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        *ret = journal;
    else
        close_journal(journal);
    return status;
}

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

static const espt_journal_plugin plugin = {
    .abi = ESPT_JOURNAL_ABI,
    .size = sizeof plugin,
    .kind = "pg",
    .version = ESPT_VERSION,
    .open = open_journal,
    .close = close_journal,
    .range = pg_range,
    .read = pg_read,
    .append = pg_append,
    .hold = pg_hold,
    .release = pg_release,
    .keep = pg_keep,
    .put = pg_put,
    .get = pg_get,
    .drop = pg_drop,
    .clock = pg_clock,
    .head_put = pg_head_put,
    .head_get = pg_head_get,
    .wait = pg_wait_news,
    .trim = pg_trim,
    .report_put = pg_report_put,
    .report_each = pg_report_each,
    .limit = set_limit,
};

__attribute__((visibility("default"))) const espt_journal_plugin *
espt_journal_get(uint32_t host_abi)
{
    return host_abi >> 16 == ESPT_JOURNAL_ABI >> 16 ? &plugin : NULL;
}
