/* SPDX-License-Identifier: ISC */
/* Answers, with the headers that every one of them has. */
#include "portal/http.h"

#include <jansson.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const always[][2] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for "
     "'script'; trusted-types 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
};

void respond_headers(struct MHD_Response *response, bool own)
{
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        MHD_add_response_header(response, always[i][0], always[i][1]);
    /* pages hold nobody's data; browsers may keep them, and revalidate them by their ETag */
    MHD_add_response_header(response, "Cache-Control", own ? "no-store" : "no-cache");
}

static void add_transport(struct MHD_Response *response)
{
    MHD_add_response_header(response, "Strict-Transport-Security", "max-age=31536000");
}

enum MHD_Result respond(struct exchange *exchange, unsigned status, struct MHD_Response *response)
{
    struct connection *connection = exchange->connection;
    if (response == NULL)
        return MHD_NO;
    if (connection->state != DOWNLOADING)
        connection_state(connection, WRITING);
    if (connection->tls)
        add_transport(response);
    if (exchange->worker->ending)
        MHD_add_response_header(response, "Connection", "close");
    const enum MHD_Result done = MHD_queue_response(exchange->mhd, status, response);
    MHD_destroy_response(response);
    return done;
}

/* The text may hold the text of a token. */
static void wipe(void *text)
{
    sodium_memzero(text, malloc_usable_size(text));
    free(text);
}

/* Takes ownership of `text`, which is from malloc(). */
static struct MHD_Response *response_of(char *text, size_t len, const char *type)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(len, text, wipe);
    if (response == NULL) {
        wipe(text);
        return NULL;
    }
    respond_headers(response, true);
    if (type != NULL)
        MHD_add_response_header(response, "Content-Type", type);
    return response;
}

static void add_number(struct MHD_Response *response, const char *header, unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    MHD_add_response_header(response, header, text);
}

enum MHD_Result respond_problem(struct exchange *exchange, enum problem problem, const char *detail,
                                const char *field)
{
    json_t *document = problem_document(problem, detail);
    if (field != NULL)
        json_object_set_new(document, "field", json_string(field));
    if (problem == PROBLEM_UNUSABLE)
        json_object_set_new(document, "retry_after", json_integer(1));
    char *text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    if (text == NULL)
        return MHD_NO;
    struct MHD_Response *response = response_of(text, strlen(text), "application/problem+json");
    if (response != NULL && problem == PROBLEM_UNUSABLE)
        add_number(response, "Retry-After", 1);
    return respond(exchange, problem_status(problem), response);
}

static void add_cookie(struct exchange *exchange, struct MHD_Response *response)
{
    char text[256];
    if (exchange->head.cookie == COOKIE_KEEP)
        return;
    snprintf(text, sizeof text, "%s=%s; Path=/; Secure; HttpOnly; SameSite=Strict%s", PORTAL_COOKIE,
             exchange->head.cookie == COOKIE_SET ? exchange->cookie : "",
             exchange->head.cookie == COOKIE_SET ? "" : "; Max-Age=0");
    MHD_add_response_header(response, "Set-Cookie", text);
    sodium_memzero(text, sizeof text);
    sodium_memzero(exchange->cookie, sizeof exchange->cookie);
}

enum MHD_Result respond_answer(struct exchange *exchange)
{
    const struct answer_head *head = &exchange->head;
    if (exchange->answer == NULL || head->status == 500) /* the broker has ended, or failed */
        return respond_problem(
            exchange, head->status == 503 ? PROBLEM_UNUSABLE : PROBLEM_INTERNAL,
            "the portal is being started again; look whether the change was made", NULL);
    char *text = exchange->answer;
    exchange->answer = NULL;
    struct MHD_Response *response = response_of(text, head->body_len,
                                                head->status >= 400   ? "application/problem+json"
                                                : head->status == 204 ? NULL
                                                                      : "application/json");
    if (response == NULL)
        return MHD_NO;
    if (exchange->etag[0] != '\0')
        MHD_add_response_header(response, "ETag", exchange->etag);
    if (exchange->location[0] != '\0')
        MHD_add_response_header(response, "Location", exchange->location);
    if (head->retry_after > 0)
        add_number(response, "Retry-After", head->retry_after);
    add_cookie(exchange, response);
    return respond(exchange, head->status, response);
}

/* --- pages --- */

static struct MHD_Response *page_response(const struct page_file *file, bool with_text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        with_text ? file->len : 0, with_text ? file->text : "", MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return NULL;
    respond_headers(response, false);
    MHD_add_response_header(response, "Content-Type", file->type);
    MHD_add_response_header(response, "ETag", file->etag);
    return response;
}

void respond_pages(struct worker *worker)
{
    const struct pages *pages = worker->start->pages;
    worker->page = calloc(pages->count + 1, sizeof *worker->page);
    for (size_t i = 0; i < pages->count && worker->page != NULL; i++)
        worker->page[i] = page_response(&pages->file[i], true);
    for (size_t i = 0; i < pages->count && worker->page != NULL && worker->tls != NULL; i++)
        add_transport(worker->page[i]);
}

enum MHD_Result respond_file(struct exchange *exchange, const struct page_file *file,
                             struct MHD_Response *response)
{
    const char *known = exchange->header[HEADER_IF_NONE_MATCH];
    connection_state(exchange->connection, WRITING);
    if (known != NULL && strstr(known, file->etag) != NULL)
        return respond(exchange, 304, page_response(file, false));
    return response != NULL ? MHD_queue_response(exchange->mhd, 200, response) : MHD_NO;
}

enum MHD_Result respond_nothing(struct exchange *exchange, unsigned status)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    respond_headers(response, true);
    return respond(exchange, status, response);
}
