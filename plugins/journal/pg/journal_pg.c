/* SPDX-License-Identifier: ISC */
/* The table of the plugin, and open and close. */
#include "journal/pg/pg.h"

#include "build_config.h"

#include <stdlib.h>
#include <string.h>

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
    .piece_each = pg_piece_each,
};

__attribute__((visibility("default"))) const espt_journal_plugin *
espt_journal_get(uint32_t host_abi)
{
    return host_abi >> 16 == ESPT_JOURNAL_ABI >> 16 ? &plugin : NULL;
}
