/* SPDX-License-Identifier: ISC */
/* Routes a request: answers it with a page or a problem, or queues it for a broker. */
#include "portal/http.h"

#include <stdlib.h>
#include <string.h>

#define API "/api/v1"

static bool is_get(const struct exchange *exchange)
{
    return strcmp(exchange->method, "GET") == 0 || strcmp(exchange->method, "HEAD") == 0;
}

static enum MHD_Result dispatch_page(struct exchange *exchange, const char *path)
{
    const struct pages *pages = exchange->worker->start->pages;
    const struct page_file *file = exchange->path_ok ? pages_find(pages, path + 1) : NULL;
    if (file == NULL)
        return respond_nothing(exchange, 404);
    if (!is_get(exchange))
        return respond_nothing(exchange, 405);
    return respond_file(exchange, file, exchange->worker->page[file - pages->file]);
}

static enum MHD_Result dispatch_openapi(struct exchange *exchange)
{
    const struct pages *pages = exchange->worker->start->pages;
    const struct page_file *file = pages_openapi(pages);
    if (!is_get(exchange))
        return respond_problem(exchange, PROBLEM_METHOD, "this path takes GET alone", NULL);
    return respond_file(exchange, file, exchange->worker->page[file - pages->file]);
}

static bool body_type_ok(const struct exchange *exchange)
{
    const char *type = exchange->header[HEADER_CONTENT_TYPE];
    const size_t len = strlen("application/json");
    if (exchange->body_len == 0)
        return true;
    return type != NULL && strncasecmp(type, "application/json", len) == 0 &&
           (type[len] == '\0' || strcasecmp(type + len, "; charset=utf-8") == 0 ||
            strcasecmp(type + len, ";charset=utf-8") == 0);
}

static void add_text(struct exchange *exchange, enum field field, const char *text)
{
    if (text != NULL)
        request_add(exchange->request, field, text, strlen(text));
}

/* What this connection and its headers say about who asks. The broker checks it. */
static void add_identity(struct exchange *exchange)
{
    const struct worker *worker = exchange->worker;
    const struct config_portal *settings = worker->start->settings;
    const struct connection *connection = exchange->connection;
    if (settings->link)
        add_text(exchange, FIELD_COOKIE, session_cookie(exchange));
    if (!settings->proxy)
        return;
    if (connection->is_proxy)
        add_text(exchange, FIELD_TICKET, worker->ticket);
    if (connection->loopback && !connection->by_path)
        add_text(exchange, FIELD_PROXY_SECRET, exchange->header[HEADER_SECRET]);
    add_text(exchange, FIELD_PROXY_ENTITY, exchange->header[HEADER_ENTITY]);
    add_text(exchange, FIELD_PROXY_PERSON, exchange->header[HEADER_PERSON]);
    add_text(exchange, FIELD_PROXY_ROLE, exchange->header[HEADER_ROLE]);
}

static uint32_t next_id(struct worker *worker)
{
    worker->rounds++;
    if (worker->rounds == 0) /* 0 is the id of the request for the ticket */
        worker->rounds++;
    return worker->rounds;
}

static enum MHD_Result dispatch_command(struct exchange *exchange)
{
    const struct portal_command_entry *entry = &portal_commands[exchange->route.command];
    const char *field;
    exchange->request = malloc(sizeof *exchange->request);
    if (exchange->request == NULL)
        return respond_problem(exchange, PROBLEM_UNUSABLE, "out of memory", NULL);
    exchange->id = next_id(exchange->worker);
    exchange->link = entry->changes ? CHANGES : READS;
    request_begin(exchange->request, exchange->id, exchange->route.command);
    if (!entry->anyone)
        add_identity(exchange);
    const char *wrong = fields_add(exchange, &field);
    if (wrong != NULL)
        return respond_problem(exchange, PROBLEM_USAGE, wrong, field);
    if (broker_queue(exchange)) {
        connection_state(exchange->connection, WAITING);
        return MHD_YES;
    }
    return respond_problem(exchange, PROBLEM_UNUSABLE,
                           "the portal is busy, or is being started again", NULL);
}

static enum MHD_Result dispatch_api(struct exchange *exchange, const char *path)
{
    bool exists;
    if (strcmp(path, "/openapi.json") == 0)
        return dispatch_openapi(exchange);
    if (!exchange->path_ok || !route_find(exchange->method, path, &exchange->route, &exists))
        return exchange->path_ok && exists
                   ? respond_problem(exchange, PROBLEM_METHOD,
                                     "this path does not take this method", NULL)
                   : respond_problem(exchange, PROBLEM_MISSING, "there is no such path", NULL);
    if (!origin_ok(exchange))
        return respond_problem(exchange, PROBLEM_FORBIDDEN,
                               "a request from another origin; a program sends the header "
                               "Sec-Fetch-Site: same-origin",
                               NULL);
    if (!portal_commands[exchange->route.command].takes_body && exchange->body_len > 0)
        return respond_problem(exchange, PROBLEM_USAGE, "this request takes no body", NULL);
    if (!body_type_ok(exchange))
        return respond_problem(exchange, PROBLEM_MEDIA,
                               "a body is JSON; send it with Content-Type: application/json", NULL);
    return dispatch_command(exchange);
}

enum MHD_Result dispatch(struct exchange *exchange, const char *path)
{
    const size_t len = strlen(API);
    if (strncmp(path, API, len) == 0 && path[len] == '/')
        return dispatch_api(exchange, path + len);
    if (strncmp(path, "/api/", 5) == 0 || strcmp(path, "/api") == 0)
        return respond_problem(exchange, PROBLEM_MISSING, "there is no such path", NULL);
    return dispatch_page(exchange, path);
}
