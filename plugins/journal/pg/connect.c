/* SPDX-License-Identifier: ISC */
/* The settings, and the connection. */
#include "journal/pg/pg.h"

#include "journal/settings.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t pg_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- settings --- */

/* Settings of libpq that say where the server is and how to log in. */
static bool is_setting(const char *key)
{
    static const char *const keys[] = {"host",    "hostaddr", "port",        "dbname",
                                       "user",    "password", "passfile",    "sslmode",
                                       "sslcert", "sslkey",   "sslrootcert", "sslcrl"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(key, keys[i]) == 0)
            return true;
    }
    return false;
}

static const char *find(const espt_journal *journal, const char *key)
{
    for (size_t i = 0; i < journal->settings; i++) {
        if (strcmp(journal->key[i], key) == 0)
            return journal->value[i];
    }
    return NULL;
}

static bool add(espt_journal *journal, const char *key, const char *value)
{
    const size_t at = journal->settings;
    journal->key[at] = strdup(key);
    journal->value[at] = strdup(value);
    journal->settings++;
    return journal->key[at] != NULL && journal->value[at] != NULL;
}

/* Copies the settings into `journal`. `setting` is what was read last: it may hold the password. */
static int copy_settings(espt_journal *journal, const char *settings, struct setting *setting,
                         char *err, size_t err_len)
{
    int got;
    while ((got = setting_next(&settings, setting)) > 0) {
        if (!is_setting(setting->key) || find(journal, setting->key) != NULL)
            return pg_say(ESPT_JOURNAL_FAILED, err, err_len,
                          "line %d: %s; see esp-token.conf(5) for the settings of a pg journal",
                          setting->line,
                          is_setting(setting->key) ? "the setting is given twice"
                                                   : "this is no setting of a pg journal");
        if (!add(journal, setting->key, setting->value))
            return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "out of memory");
    }
    if (got < 0)
        return pg_say(ESPT_JOURNAL_FAILED, err, err_len, "line %d: write KEY = VALUE",
                      setting->line);
    return find(journal, "dbname") != NULL ? ESPT_JOURNAL_DONE
                                           : pg_say(ESPT_JOURNAL_FAILED, err, err_len,
                                                    "dbname is missing; write dbname = NAME");
}

static int parse(espt_journal *journal, const char *settings, char *err, size_t err_len)
{
    struct setting setting = {.line = 0};
    const int status = copy_settings(journal, settings, &setting, err, err_len);
    explicit_bzero(&setting, sizeof setting);
    return status;
}

int pg_settings(espt_journal *journal, const char *settings, const char *name, char *err,
                size_t err_len)
{
    char limit[32];
    snprintf(limit, sizeof limit, "%u", (unsigned)journal->limit_ms);
    int status = parse(journal, settings, err, err_len);
    if (status == ESPT_JOURNAL_DONE &&
        (!add(journal, "application_name", name) || !add(journal, "tcp_user_timeout", limit)))
        status = pg_say(ESPT_JOURNAL_FAILED, err, err_len, "out of memory");
    return status;
}

void pg_settings_free(espt_journal *journal)
{
    for (size_t i = 0; i < journal->settings; i++) {
        if (journal->value[i] != NULL)
            explicit_bzero(journal->value[i], strlen(journal->value[i]));
        free(journal->value[i]);
        free(journal->key[i]);
    }
    journal->settings = 0;
}

/* --- the connection --- */

bool pg_wait(PGconn *conn, bool to_write, int64_t deadline)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = to_write ? POLLIN | POLLOUT : POLLIN};
    for (;;) {
        const int64_t left = deadline - pg_now();
        if (left <= 0 || fd.fd < 0)
            return false;
        const int ready = poll(&fd, 1, left > 60000 ? 60000 : (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

/* MUST 4: libpq fills what is not given from these. */
static void forget_environment(void)
{
    PQconninfoOption *options = PQconndefaults();
    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (o->envvar != NULL)
            unsetenv(o->envvar);
    }
    PQconninfoFree(options);
    unsetenv("PGSERVICEFILE");
    unsetenv("PGSYSCONFDIR");
}

static void one_line(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        text[--len] = '\0';
    for (; *text != '\0'; text++) {
        if (*text == '\n' || *text == '\t')
            *text = ' ';
    }
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static bool reach(PGconn *conn, int64_t deadline, bool *ret_in_time)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    *ret_in_time = true;
    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        *ret_in_time = pg_wait(conn, status == PGRES_POLLING_WRITING, deadline);
        if (!*ret_in_time)
            return false;
        status = PQconnectPoll(conn);
    }
    return status == PGRES_POLLING_OK;
}

int pg_connect(espt_journal *journal, int64_t deadline, char *err, size_t err_len)
{
    bool in_time = true;
    if (journal->conn != NULL && PQstatus(journal->conn) == CONNECTION_OK)
        return ESPT_JOURNAL_DONE;
    pg_close(journal);
    forget_environment();
    journal->conn = PQconnectStartParams((const char *const *)journal->key,
                                         (const char *const *)journal->value, 0);
    if (journal->conn != NULL && PQstatus(journal->conn) != CONNECTION_BAD &&
        reach(journal->conn, deadline, &in_time)) {
        PQsetnonblocking(journal->conn, 1);
        PQsetNoticeReceiver(journal->conn, ignore_notice, NULL);
        return ESPT_JOURNAL_DONE;
    }
    snprintf(err, err_len, "%s",
             !in_time                ? "the server does not answer"
             : journal->conn == NULL ? "out of memory"
                                     : PQerrorMessage(journal->conn));
    one_line(err);
    pg_close(journal);
    return ESPT_JOURNAL_FAILED;
}

void pg_close(espt_journal *journal)
{
    if (journal->conn != NULL)
        PQfinish(journal->conn);
    journal->conn = NULL;
    journal->turn = false;
    journal->listen = NOT_TRIED;
}
