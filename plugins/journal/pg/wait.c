/* SPDX-License-Identifier: ISC */
/*
 * Waiting for something new. LISTEN makes it fast, and nothing depends on it: behind a pooler it is
 * accepted and nothing ever comes, and each listener makes every NOTIFY slower. So a member looks
 * now and then in any case, and only the first LISTENERS members listen.
 *
 * A listener says so in its application_name, because that is what every role may see of others.
 */
#include "journal/pg/pg.h"

#include <poll.h>

#define LISTENS " (listens)"
#define LISTENERS 20
/* Between two looks. A listener waits longer. */
#define LOOK_MS 200
#define LISTENER_LOOK_MS 500
/* After a notification that told nothing new, because any role may send them. */
#define PAUSE_MS 20

static bool has_room(espt_journal *journal, int64_t deadline)
{
    PGresult *result;
    char ignored[256];
    if (pg_must(journal,
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                "right(application_name, length('" LISTENS "')) = '" LISTENS "'",
                NULL, 0, deadline, &result, ignored, sizeof ignored) != ESPT_JOURNAL_DONE)
        return false;
    const bool room = pg_i64(result, 0, 0) < LISTENERS;
    PQclear(result);
    return room;
}

/* Tries once for each connection. */
static void listen_once(espt_journal *journal, int64_t deadline)
{
    char ignored[256];
    if (journal->listen != NOT_TRIED || journal->turn)
        return;
    journal->listen = POLLS;
    if (has_room(journal, deadline) &&
        pg_must(journal,
                "SELECT set_config('application_name', left(current_setting('application_name'), "
                "50) || '" LISTENS "', false)",
                NULL, 0, deadline, NULL, ignored, sizeof ignored) == ESPT_JOURNAL_DONE &&
        pg_must(journal, "LISTEN " PG_CHANNEL, NULL, 0, deadline, NULL, ignored, sizeof ignored) ==
            ESPT_JOURNAL_DONE)
        journal->listen = LISTENING;
}

static int find_news(espt_journal *journal, uint64_t last, bool *ret_new, char *err, size_t err_len)
{
    char number[32] = "", version[32] = "";
    int64_t deadline;
    PGresult *result;
    const struct pg_param params[] = {pg_text(number), pg_text(version)};
    snprintf(number, sizeof number, "%llu", (unsigned long long)last);
    snprintf(version, sizeof version, "%lld", (long long)journal->head);
    int status = pg_ready(journal, &deadline, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    listen_once(journal, deadline); /* before the look, so that nothing is missed between */
    status = pg_ready(journal, &deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = pg_must(journal,
                         "SELECT EXISTS (SELECT FROM esp_token_entry WHERE number > $1::bigint) OR "
                         "EXISTS (SELECT FROM esp_token_head WHERE version <> $2::bigint)",
                         params, 2, deadline, &result, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    *ret_new = *PQgetvalue(result, 0, 0) == 1;
    PQclear(result);
    return ESPT_JOURNAL_DONE;
}

/* Notifications that have come, also during earlier queries. */
static bool notified(PGconn *conn)
{
    bool any = false;
    for (PGnotify *notice; (notice = PQnotifies(conn)) != NULL; any = true)
        PQfreemem(notice);
    return any;
}

/* Returns when a notification came, or it is time to look again. */
static void pause_between(espt_journal *journal, int64_t until)
{
    const int64_t most = journal->listen == LISTENING ? LISTENER_LOOK_MS : LOOK_MS;
    const int64_t next = pg_now() + most < until ? pg_now() + most : until;
    while (!notified(journal->conn) && pg_wait(journal->conn, false, next)) {
        if (PQconsumeInput(journal->conn) == 0)
            return; /* the next look connects again */
    }
}

int pg_wait_news(espt_journal *journal, uint64_t last, uint32_t wait_ms, char *err, size_t err_len)
{
    const int64_t until = pg_now() + wait_ms;
    bool news = false;
    int status = find_news(journal, last, &news, err, err_len);
    while (status == ESPT_JOURNAL_DONE && !news) {
        if (pg_now() >= until)
            return ESPT_JOURNAL_NONE;
        pause_between(journal, until);
        status = find_news(journal, last, &news, err, err_len);
        if (!news)
            poll(NULL, 0, PAUSE_MS);
    }
    return status;
}
