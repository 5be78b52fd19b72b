/* SPDX-License-Identifier: ISC */
/* One request and its answer. MUST 1, 2 and 5 of http.h. */
#include "journal/http/http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t http_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct receiving {
    CURL *curl;
    struct bytes *body;
    size_t most, room;
    bool too_long;
};

/* Returns less than it was given to end the transfer. */
static size_t receive(char *data, size_t size, size_t count, void *arg)
{
    struct receiving *r = arg;
    const size_t len = size * count;
    long status = 0;
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) /* the page of an error */
        return len;
    if (len > r->most - r->body->len) {
        r->too_long = true;
        return 0;
    }
    if (r->body->len + len > r->room) {
        const size_t room = 2 * (r->body->len + len);
        uint8_t *at = realloc(r->body->at, room);
        if (at == NULL)
            return 0;
        r->body->at = at;
        r->room = room;
    }
    memcpy(r->body->at + r->body->len, data, len);
    r->body->len += len;
    return len;
}

struct sending {
    const struct bytes *body;
    size_t sent;
};

static size_t send_body(char *out, size_t size, size_t count, void *arg)
{
    struct sending *s = arg;
    const size_t left = s->body->len - s->sent;
    const size_t len = size * count < left ? size * count : left;
    memcpy(out, s->body->at + s->sent, len);
    s->sent += len;
    return len;
}

static bool set_always(espt_journal *journal)
{
    CURL *curl = journal->curl;
    const bool tls = strncmp(journal->url, "https:", 6) == 0;
    bool good = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http") == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_USERAGENT, "esp-token") == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, journal->why) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_READFUNCTION, send_body) == CURLE_OK;
    if (good && journal->ca[0] != '\0')
        good = curl_easy_setopt(curl, CURLOPT_CAINFO, journal->ca) == CURLE_OK;
    if (good && journal->user[0] != '\0')
        good = curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_USERNAME, journal->user) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PASSWORD, journal->password) == CURLE_OK;
    return good;
}

static bool add_header(struct curl_slist **list, const char *text)
{
    struct curl_slist *more = curl_slist_append(*list, text);
    if (more != NULL)
        *list = more;
    return more != NULL;
}

static bool add_headers(const struct fetch *fetch, struct curl_slist **list)
{
    char tag[TAG_MAX + 32];
    bool good = true;
    if (fetch->past_caches)
        good = add_header(list, "Cache-Control: no-cache") && add_header(list, "Pragma: no-cache");
    if (good && fetch->known != NULL && fetch->known->tag[0] != '\0' && !fetch->past_caches) {
        snprintf(tag, sizeof tag, "%s: %s",
                 fetch->known->is_etag ? "If-None-Match" : "If-Modified-Since", fetch->known->tag);
        good = add_header(list, tag);
    }
    return good && (fetch->body == NULL || add_header(list, "Expect:"));
}

/* For the next conditional request. Servers without ETag say Last-Modified. */
static void keep_tag(CURL *curl, struct feed_head *known)
{
    static const char *const names[] = {"ETag", "Last-Modified"};
    struct curl_header *header;
    known->tag[0] = '\0';
    for (int i = 0; i < 2; i++) {
        if (curl_easy_header(curl, names[i], 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
            strlen(header->value) >= sizeof known->tag)
            continue;
        memcpy(known->tag, header->value, strlen(header->value) + 1);
        known->is_etag = i == 0;
        return;
    }
}

static void keep_date(espt_journal *journal)
{
    struct curl_header *header;
    if (curl_easy_header(journal->curl, "Date", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        journal->date = curl_getdate(header->value, NULL);
}

static long explain(const espt_journal *journal, const struct fetch *fetch, CURLcode result,
                    bool too_long, char *err, size_t err_len)
{
    long status = 0;
    if (too_long)
        return http_say(0, err, err_len, "%s/%s: the answer is longer than %zu bytes", journal->url,
                        fetch->path, fetch->most);
    if (result == CURLE_SSL_CACERT_BADFILE && journal->ca[0] != '\0')
        return http_say(
            0, err, err_len,
            "%s: this file, which the setting ca names, holds no certificates, or cannot "
            "be read",
            journal->ca);
    if (result != CURLE_OK)
        return http_say(0, err, err_len, "%s/%s: %s", journal->url, fetch->path,
                        journal->why[0] != '\0' ? journal->why : curl_easy_strerror(result));
    curl_easy_getinfo(journal->curl, CURLINFO_RESPONSE_CODE, &status);
    snprintf(err, err_len, "%s/%s: the server answers with status %ld", journal->url, fetch->path,
             status);
    return status;
}

static CURLcode run(espt_journal *journal, const struct fetch *fetch, struct receiving *r)
{
    CURL *curl = journal->curl;
    char url[URL_MAX + 256];
    struct curl_slist *headers = NULL;
    struct sending sending = {.body = fetch->body};
    const int64_t left = fetch->deadline - http_now();
    snprintf(url, sizeof url, "%s/%s", journal->url, fetch->path);
    journal->why[0] = '\0';
    CURLcode result = left > 0 ? CURLE_OK : CURLE_OPERATION_TIMEDOUT;
    if (result == CURLE_OK && (!set_always(journal) || !add_headers(fetch, &headers)))
        result = CURLE_OUT_OF_MEMORY;
    if (result == CURLE_OK) {
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)left);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        if (fetch->body != NULL) {
            curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
            curl_easy_setopt(curl, CURLOPT_READDATA, &sending);
            curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)fetch->body->len);
        }
        result = curl_easy_perform(curl);
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 0L);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    }
    curl_slist_free_all(headers);
    return result;
}

long http_fetch(espt_journal *journal, const struct fetch *fetch, struct bytes *ret_body, char *err,
                size_t err_len)
{
    *ret_body = (struct bytes){0};
    if (journal->curl == NULL && (journal->curl = curl_easy_init()) == NULL)
        return http_say(0, err, err_len, "out of memory");
    struct receiving r = {.curl = journal->curl, .body = ret_body, .most = fetch->most};
    const CURLcode result = run(journal, fetch, &r);
    const long status = explain(journal, fetch, result, r.too_long, err, err_len);
    if (status != 0)
        keep_date(journal);
    if (status != 200) {
        free(ret_body->at);
        *ret_body = (struct bytes){0};
    } else if (fetch->known != NULL) {
        keep_tag(journal->curl, fetch->known);
    }
    return status;
}

void http_fetch_close(espt_journal *journal)
{
    if (journal->curl != NULL)
        curl_easy_cleanup(journal->curl);
    journal->curl = NULL;
}
