/* SPDX-License-Identifier: ISC */
/* Headers of a request: each that matters is there once or not at all. */
#include "portal/http.h"

#include "common/name.h"

#include <stdio.h>
#include <string.h>

static const char *const names[HEADER_COUNT] = {
    [HEADER_HOST] = "Host",
    [HEADER_CONTENT_TYPE] = "Content-Type",
    [HEADER_CONTENT_LENGTH] = "Content-Length",
    [HEADER_TRANSFER_ENCODING] = "Transfer-Encoding",
    [HEADER_ORIGIN] = "Origin",
    [HEADER_FETCH_SITE] = "Sec-Fetch-Site",
    [HEADER_IF_MATCH] = "If-Match",
    [HEADER_IF_NONE_MATCH] = "If-None-Match",
    [HEADER_KEY] = "Idempotency-Key",
    [HEADER_ENTITY] = "X-ESP-Entity",
    [HEADER_PERSON] = "X-ESP-Person",
    [HEADER_ROLE] = "X-ESP-Role",
    [HEADER_SECRET] = "X-ESP-Secret",
};

struct reading {
    struct exchange *exchange;
    const char *wrong;
};

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                 size_t key_len, const char *value, size_t value_len)
{
    struct reading *reading = arg;
    (void)kind;
    (void)key_len;
    for (int i = 0; i < HEADER_COUNT; i++) {
        if (strcasecmp(key, names[i]) != 0)
            continue;
        if (reading->exchange->header[i] != NULL)
            reading->wrong = "a header that may be sent once was sent twice";
        else if (value == NULL || strlen(value) != value_len || !text_ok(value, value_len))
            reading->wrong = "a header is not text";
        else
            reading->exchange->header[i] = value;
    }
    return reading->wrong == NULL ? MHD_YES : MHD_NO;
}

const char *headers_read(struct exchange *exchange)
{
    struct reading reading = {.exchange = exchange};
    MHD_get_connection_values_n(exchange->mhd, MHD_HEADER_KIND, on_header, &reading);
    const char *length = exchange->header[HEADER_CONTENT_LENGTH];
    if (reading.wrong == NULL && length != NULL &&
        exchange->header[HEADER_TRANSFER_ENCODING] != NULL)
        return "both Content-Length and Transfer-Encoding were sent";
    if (reading.wrong == NULL && length != NULL &&
        (strlen(length) > 18 || strspn(length, "0123456789") != strlen(length)))
        return "Content-Length is not a number";
    return reading.wrong;
}

/* scheme://host of this request, as a browser would write it. */
static void own_origin(const struct exchange *exchange, char *out, size_t size)
{
    const char *url = exchange->worker->start->settings->public_url;
    const char *host = exchange->header[HEADER_HOST];
    if (url[0] != '\0')
        snprintf(out, size, "%s", url);
    else
        snprintf(out, size, "%s://%s", exchange->connection->tls ? "https" : "http",
                 host != NULL ? host : "");
}

bool origin_ok(const struct exchange *exchange)
{
    char own[512];
    const char *origin = exchange->header[HEADER_ORIGIN];
    const char *site = exchange->header[HEADER_FETCH_SITE];
    own_origin(exchange, own, sizeof own);
    const bool changes =
        strcmp(exchange->method, "GET") != 0 && strcmp(exchange->method, "HEAD") != 0;
    if (changes && origin == NULL && site == NULL)
        return false;
    if (site != NULL && strcmp(site, "same-origin") != 0 &&
        (changes || strcmp(site, "none") != 0)) /* none: the user typed the address */
        return false;
    return origin == NULL || strcasecmp(origin, own) == 0;
}

struct cookies {
    const char *value;
    int count;
};

static enum MHD_Result on_cookie(void *arg, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    struct cookies *cookies = arg;
    (void)kind;
    if (strcmp(key, PORTAL_COOKIE) == 0) {
        cookies->count++;
        cookies->value = value;
    }
    return MHD_YES;
}

const char *session_cookie(struct exchange *exchange)
{
    struct cookies cookies = {0};
    MHD_get_connection_values(exchange->mhd, MHD_COOKIE_KIND, on_cookie, &cookies);
    const bool fits = cookies.count == 1 && cookies.value != NULL &&
                      strlen(cookies.value) == PASS_SECRET_SIZE - 1 &&
                      plain_len(cookies.value, PASS_SECRET_SIZE - 1) == PASS_SECRET_SIZE - 1;
    return fits ? cookies.value : NULL;
}
