/* SPDX-License-Identifier: ISC */
/* The table of the plugin: settings, the head, waiting, reports. */
#include "journal/http/http.h"

#include "build_config.h"
#include "journal/names.h"
#include "journal/settings.h"

#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#define POLL_MS 250 /* wait() asks again after once to twice this time */

static void close_journal(espt_journal *journal)
{
    if (journal == NULL)
        return;
    http_fetch_close(journal);
    http_head_free(&journal->head);
    free(journal->piece.at);
    free(journal->got.at);
    sodium_memzero(journal, sizeof *journal);
    free(journal);
}

/* --- settings --- */

static int apply_setting(espt_journal *journal, const struct setting *setting, char *err,
                         size_t err_len)
{
    const struct {
        const char *key;
        char *to;
        size_t room;
    } known[] = {{"url", journal->url, sizeof journal->url},
                 {"ca", journal->ca, sizeof journal->ca},
                 {"user", journal->user, sizeof journal->user},
                 {"password", journal->password, sizeof journal->password}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].key, setting->key) != 0)
            continue;
        if (known[i].to[0] != '\0' || setting->value[0] == '\0' ||
            strlen(setting->value) >= known[i].room)
            return http_say(ESPT_JOURNAL_FAILED, err, err_len,
                            "line %d: write %s once, with at most %zu characters", setting->line,
                            setting->key, known[i].room - 1);
        memcpy(known[i].to, setting->value, strlen(setting->value) + 1);
        return ESPT_JOURNAL_DONE;
    }
    return http_say(ESPT_JOURNAL_FAILED, err, err_len,
                    "line %d: the settings of an http journal are url, ca, user and password",
                    setting->line);
}

/* Over http a password is sent in clear text, so it may only go to this machine. */
static bool is_local(const char *url)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://[::1]", "http://localhost"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        const size_t len = strlen(hosts[i]);
        if (strncmp(url, hosts[i], len) == 0 && strchr(":/", url[len]) != NULL)
            return true;
    }
    return false;
}

static int check_settings(espt_journal *journal, char *err, size_t err_len)
{
    char *url = journal->url;
    const bool tls = strncmp(url, "https://", 8) == 0;
    const char *fault = NULL;
    if (!tls && strncmp(url, "http://", 7) != 0)
        fault = "write url = https://HOST/FOLDER, or http://HOST/FOLDER";
    else if (strpbrk(url, "@?# ") != NULL)
        fault = "the url must have no user, question mark, number sign or space; write user and "
                "password as settings";
    else if ((journal->user[0] == '\0') != (journal->password[0] == '\0'))
        fault = "write both user and password, or neither";
    else if (journal->user[0] != '\0' && !tls && !is_local(url))
        fault = "a password would be readable on its way; write url = https://...";
    else if (journal->ca[0] != '\0' && journal->ca[0] != '/')
        fault = "ca must begin with /";
    if (fault != NULL)
        return http_say(ESPT_JOURNAL_FAILED, err, err_len, "%s", fault);
    for (size_t len = strlen(url); len > 0 && url[len - 1] == '/'; len--)
        url[len - 1] = '\0';
    return ESPT_JOURNAL_DONE;
}

static int parse_settings(espt_journal *journal, const char *settings, char *err, size_t err_len)
{
    struct setting setting = {.line = 0};
    int got, status = ESPT_JOURNAL_DONE;
    while (status == ESPT_JOURNAL_DONE && (got = setting_next(&settings, &setting)) != 0) {
        if (got < 0)
            status = http_say(ESPT_JOURNAL_FAILED, err, err_len, "line %d: write KEY = VALUE",
                              setting.line);
        else
            status = apply_setting(journal, &setting, err, err_len);
    }
    sodium_memzero(&setting, sizeof setting);
    return status == ESPT_JOURNAL_DONE ? check_settings(journal, err, err_len) : status;
}

static int open_journal(espt_journal **ret, const char *settings, const char *name, uint32_t pieces,
                        uint32_t limit_ms, char *err, size_t err_len)
{
    if (pieces != ESPT_JOURNAL_EDGE)
        return http_say(ESPT_JOURNAL_FAILED, err, err_len,
                        "an http journal is for edges: it lacks what sites need; join with "
                        "'esp-tokenctl fleet join --edge', or name another journal");
    espt_journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL || sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(journal);
        return http_say(ESPT_JOURNAL_FAILED, err, err_len, "out of memory");
    }
    journal->limit_ms = limit_ms > 0 ? limit_ms : 1;
    snprintf(journal->name, sizeof journal->name, "%s", name);
    const int status = parse_settings(journal, settings, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        *ret = journal;
    else
        close_journal(journal);
    return status;
}

/* --- the head --- */

static int head_get(espt_journal *journal, const uint8_t **ret_bytes, size_t *ret_len, char *err,
                    size_t err_len)
{
    const int status = http_refresh(journal, false, http_now() + journal->limit_ms, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    *ret_bytes = journal->head.signed_head;
    *ret_len = journal->head.signed_len;
    journal->returned = journal->head.count;
    return ESPT_JOURNAL_DONE;
}

static bool is_news(const espt_journal *journal, uint64_t last)
{
    return journal->head.last > last || journal->head.count != journal->returned;
}

static int wait_for_news(espt_journal *journal, uint64_t last, uint32_t wait_ms, char *err,
                         size_t err_len)
{
    const int64_t until = http_now() + wait_ms;
    for (;;) {
        const int64_t left = until - http_now();
        /* so that edges that were started together do not ask at the same moment */
        const int64_t pause = POLL_MS + (int64_t)randombytes_uniform(POLL_MS);
        const int64_t ms = pause < left ? pause : left;
        if (ms > 0 &&
            nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L},
                      NULL) != 0)
            return ESPT_JOURNAL_NONE; /* a signal */
        const int status =
            http_refresh(journal, false, http_now() + journal->limit_ms, err, err_len);
        if (status != ESPT_JOURNAL_DONE || is_news(journal, last))
            return status;
        if (http_now() >= until)
            return ESPT_JOURNAL_NONE;
    }
}

static int read_clock(espt_journal *journal, int64_t *ret_seconds, char *err, size_t err_len)
{
    const int status = http_refresh(journal, true, http_now() + journal->limit_ms, err, err_len);
    if (status == ESPT_JOURNAL_DONE && journal->date <= 0)
        return http_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: the server says no date",
                        journal->url);
    if (status == ESPT_JOURNAL_DONE)
        *ret_seconds = journal->date;
    return status;
}

/* --- reports --- */

static int report_put(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len,
                      char *err, size_t err_len)
{
    char path[ESPT_JOURNAL_NAME_MAX + 3];
    const struct bytes body = {.at = (uint8_t *)bytes, .len = len};
    struct bytes answer;
    const struct fetch fetch = {.path = path,
                                .most = ESPT_JOURNAL_HEAD_MAX,
                                .deadline = http_now() + journal->limit_ms,
                                .body = &body};
    if (!member_name_ok(name))
        return http_say(ESPT_JOURNAL_FAILED, err, err_len, "not the name of a member");
    if (len > ESPT_JOURNAL_HEAD_MAX)
        return http_say(ESPT_JOURNAL_FAILED, err, err_len, "it has more than %u bytes",
                        ESPT_JOURNAL_HEAD_MAX);
    snprintf(path, sizeof path, "r/%s", name);
    const long status = http_fetch(journal, &fetch, &answer, err, err_len);
    free(answer.at);
    if (status == 200 || status == 201 || status == 204)
        return ESPT_JOURNAL_DONE;
    return status == 0 ? ESPT_JOURNAL_UNKNOWN : ESPT_JOURNAL_FAILED;
}

/* Reads the report of this member only. A server that does not show reports counts as having
   none. */
static int report_each(espt_journal *journal,
                       int (*each)(void *arg, const char *name, const uint8_t *bytes, size_t len),
                       void *arg, char *err, size_t err_len)
{
    char path[ESPT_JOURNAL_NAME_MAX + 3];
    struct bytes answer;
    const struct fetch fetch = {.path = path,
                                .most = ESPT_JOURNAL_HEAD_MAX,
                                .past_caches = true,
                                .deadline = http_now() + journal->limit_ms};
    snprintf(path, sizeof path, "r/%s", journal->name);
    const long status = http_fetch(journal, &fetch, &answer, err, err_len);
    if (status == 200)
        (void)each(arg, journal->name, answer.at, answer.len);
    free(answer.at);
    return status == 200 || status == 403 || status == 404 || status == 405 ? ESPT_JOURNAL_DONE
                                                                            : ESPT_JOURNAL_FAILED;
}

/* --- what a feed cannot do --- */

static int read_only(char *err, size_t err_len)
{
    return http_say(ESPT_JOURNAL_FAILED, err, err_len,
                    "an http journal is only read; run the command at a site");
}

static int append(espt_journal *journal, uint64_t number, const espt_journal_entry *entry,
                  char *err, size_t err_len)
{
    (void)journal, (void)number, (void)entry;
    return read_only(err, err_len);
}

static int hold(espt_journal *journal, uint32_t wait_ms, char *err, size_t err_len)
{
    (void)journal, (void)wait_ms;
    return read_only(err, err_len);
}

static int keep(espt_journal *journal, char *err, size_t err_len)
{
    (void)journal;
    return read_only(err, err_len);
}

static void release(espt_journal *journal)
{
    (void)journal;
}

static int put(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len, char *err,
               size_t err_len)
{
    (void)journal, (void)name, (void)bytes, (void)len;
    return read_only(err, err_len);
}

static int drop(espt_journal *journal, const char *name, char *err, size_t err_len)
{
    (void)journal, (void)name;
    return read_only(err, err_len);
}

static int piece_each(espt_journal *journal, int (*each)(void *arg, const char *name), void *arg,
                      char *err, size_t err_len)
{
    (void)journal, (void)each, (void)arg;
    return read_only(err, err_len); /* pieces are listed only to remove some */
}

static int head_put(espt_journal *journal, const uint8_t *bytes, size_t len, char *err,
                    size_t err_len)
{
    (void)journal, (void)bytes, (void)len;
    return read_only(err, err_len);
}

static int trim(espt_journal *journal, uint64_t first, char *err, size_t err_len)
{
    (void)journal, (void)first;
    return read_only(err, err_len);
}

static const espt_journal_plugin plugin = {
    .abi = ESPT_JOURNAL_ABI,
    .size = sizeof plugin,
    .kind = "http",
    .version = ESPT_VERSION,
    .open = open_journal,
    .close = close_journal,
    .range = http_range,
    .read = http_read,
    .append = append,
    .hold = hold,
    .release = release,
    .keep = keep,
    .put = put,
    .get = http_get,
    .drop = drop,
    .clock = read_clock,
    .head_put = head_put,
    .head_get = head_get,
    .wait = wait_for_news,
    .trim = trim,
    .report_put = report_put,
    .report_each = report_each,
    .piece_each = piece_each,
};

__attribute__((visibility("default"))) const espt_journal_plugin *
espt_journal_get(uint32_t host_abi)
{
    return host_abi >> 16 == ESPT_JOURNAL_ABI >> 16 ? &plugin : NULL;
}
