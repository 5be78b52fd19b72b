/* SPDX-License-Identifier: ISC */
/* The log as one file. */
#include "portal/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT "200"
#define BLOCK 32768
#define HEAD "{\"entries\":[\n"
#define TAIL "\n]}\n"

void download_prepare(struct exchange *exchange)
{
    exchange->base_len = exchange->request->len;
    request_add(exchange->request, FIELD_LIMIT, LIMIT, strlen(LIMIT));
}

/* Asks for the page after the one that was passed on. */
static bool queue_next(struct exchange *exchange)
{
    exchange->request->len = exchange->base_len;
    request_add(exchange->request, FIELD_CURSOR, exchange->location, strlen(exchange->location));
    request_add(exchange->request, FIELD_LIMIT, LIMIT, strlen(LIMIT));
    return broker_queue(exchange);
}

/* Makes a piece of the document from the page that has come. */
static bool make_chunk(struct exchange *exchange)
{
    const bool entries = exchange->answer_len > 0;
    const char *head = !exchange->streams ? HEAD : exchange->any && entries ? ",\n" : "";
    const char *tail = exchange->location[0] == '\0' ? TAIL : "";
    free(exchange->chunk);
    exchange->chunk = NULL;
    exchange->passed = 0;
    const int len = asprintf(&exchange->chunk, "%s%s%s", head, exchange->answer, tail);
    exchange->chunk_len = len > 0 ? (size_t)len : 0;
    exchange->any |= entries;
    exchange->streams = true;
    exchange->answered = false;
    return len >= 0;
}

static ssize_t on_read(void *arg, uint64_t position, char *out, size_t size)
{
    struct exchange *exchange = arg;
    (void)position;
    if (exchange->answered && (exchange->head.status != 200 || !make_chunk(exchange)))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    const size_t left = exchange->chunk_len - exchange->passed;
    if (left > 0) {
        const size_t part = left < size ? left : size;
        memcpy(out, exchange->chunk + exchange->passed, part);
        exchange->passed += part;
        return (ssize_t)part;
    }
    if (exchange->location[0] == '\0')
        return MHD_CONTENT_READER_END_OF_STREAM;
    return queue_next(exchange) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
}

enum MHD_Result download_begin(struct exchange *exchange)
{
    char name[ENTITY_NAME_MAX + 64];
    if (!make_chunk(exchange))
        return MHD_NO;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, exchange, NULL);
    if (response == NULL)
        return MHD_NO;
    snprintf(name, sizeof name, "attachment; filename=\"esp-token-log-%s.json\"", exchange->entity);
    respond_headers(response, true);
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "Content-Disposition", name);
    connection_state(exchange->connection, DOWNLOADING);
    return respond(exchange, 200, response);
}
