/* SPDX-License-Identifier: ISC */
/* The life of a request: its line, its body, its answer. */
#include "portal/http.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* libmicrohttpd calls it first, with the request's target as it came. */
void *on_uri(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (exchange == NULL)
        return NULL;
    exchange->worker = arg;
    exchange->mhd = mhd;
    exchange->connection = info != NULL ? info->socket_context : NULL;
    const size_t path = strcspn(uri, "?");
    exchange->path_ok = memchr(uri, '%', path) == NULL && uri[0] == '/';
    if (exchange->connection != NULL)
        connection_state(exchange->connection, READING);
    return exchange;
}

static enum MHD_Result begin(struct exchange *exchange, const char *method)
{
    exchange->begun = true;
    exchange->method = method;
    const char *wrong = headers_read(exchange);
    if (wrong != NULL)
        return respond_problem(exchange, PROBLEM_USAGE, wrong, NULL);
    const char *length = exchange->header[HEADER_CONTENT_LENGTH];
    if (length != NULL && strtoull(length, NULL, 10) > BODY_MAX) {
        exchange->too_large = true;
        return respond_problem(exchange, PROBLEM_LARGE, "a body has at most 16384 bytes", NULL);
    }
    return MHD_YES;
}

static void add_body(struct exchange *exchange, const char *data, size_t size)
{
    if (exchange->body == NULL)
        exchange->body = malloc(BODY_MAX);
    if (exchange->body == NULL || size > BODY_MAX - exchange->body_len) {
        exchange->too_large = true;
        return;
    }
    memcpy(exchange->body + exchange->body_len, data, size);
    exchange->body_len += size;
}

enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *path,
                           const char *method, const char *version, const char *data, size_t *size,
                           void **context)
{
    struct exchange *exchange = *context;
    (void)arg;
    (void)mhd;
    (void)version;
    if (exchange == NULL || exchange->connection == NULL)
        return MHD_NO;
    if (!exchange->begun)
        return begin(exchange, method);
    if (*size > 0) {
        add_body(exchange, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (exchange->answered && exchange->downloads && exchange->head.status == 200)
        return download_begin(exchange);
    if (exchange->answered)
        return respond_answer(exchange);
    if (exchange->asked) /* suspended */
        return MHD_YES;
    if (exchange->too_large)
        return respond_problem(exchange, PROBLEM_LARGE, "a body has at most 16384 bytes", NULL);
    return dispatch(exchange, path);
}

void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
                  enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *context;
    struct worker *worker = arg;
    (void)mhd;
    (void)code;
    *context = NULL;
    if (exchange == NULL)
        return;
    for (size_t i = 0; exchange->asked && !exchange->answered && i < PENDING_MAX; i++) {
        if (worker->pending[i] == exchange)
            worker->pending[i] = NULL;
    }
    if (exchange->connection != NULL)
        connection_state(exchange->connection, IDLE);
    if (exchange->body != NULL)
        sodium_memzero(exchange->body, BODY_MAX);
    if (exchange->answer != NULL)
        sodium_memzero(exchange->answer, exchange->answer_len);
    if (exchange->request != NULL)
        sodium_memzero(exchange->request, sizeof *exchange->request);
    free(exchange->chunk);
    free(exchange->body);
    free(exchange->answer);
    free(exchange->request);
    sodium_memzero(exchange, sizeof *exchange);
    free(exchange);
}
