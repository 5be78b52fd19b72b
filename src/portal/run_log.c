/* SPDX-License-Identifier: ISC */
/* The entity's part of the audit log, newest entry first: read backwards in windows, each a
   transaction of its own, and at most LOOKED_AT entries for one request. */
#include "portal/broker.h"
#include "portal/change.h"
#include "portal/page.h"
#include "portal/scope.h"

#include "common/token.h"
#include "common/when.h"
#include "shapes/shapes.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW 256
#define LOOKED_AT 4096

struct window {
    const struct scope *scope;
    uint64_t beyond; /* entries before this one */
    json_t *found[WINDOW];
    size_t count;
};

static int on_entry(void *arg, const struct log_entry *entry, struct espt_error *err)
{
    struct window *window = arg;
    (void)err;
    if (entry->sequence >= window->beyond || window->count == WINDOW)
        return 1;
    json_t *document = scope_entry(window->scope, entry);
    if (document != NULL)
        window->found[window->count++] = document;
    return 0;
}

static uint64_t sequence_of(json_t *entry)
{
    return (uint64_t)json_integer_value(json_object_get(entry, "sequence"));
}

/* Appends up to `limit` entries before *before to `rows`. *before becomes the place to go on from;
   1: there is nothing before it. */
static int read_back(struct store *store, const struct scope *scope, uint64_t *before, size_t limit,
                     json_t *rows, struct espt_error *err)
{
    struct window *window = calloc(1, sizeof *window);
    int code = window != NULL ? 0 : espt_fail(err, ESPT_UNUSABLE, "out of memory");
    for (size_t looked = 0;
         code == 0 && *before > 1 && looked < LOOKED_AT && json_array_size(rows) < limit;
         looked += WINDOW) {
        const uint64_t from = *before > WINDOW ? *before - WINDOW : 1;
        *window = (struct window){.scope = scope, .beyond = *before};
        code = store_log_each(store, from, on_entry, window, err);
        code = code > 0 ? 0 : code;
        *before = from;
        while (window->count > 0) {
            json_t *entry = window->found[--window->count];
            if (json_array_size(rows) < limit)
                json_array_append(rows, entry);
            else if (*before == from) /* the page is full within the window */
                *before = sequence_of(entry) + 1;
            json_decref(entry);
        }
    }
    free(window);
    return code;
}

json_t *last_change(struct broker *broker, const struct who *who, const struct entity *entity,
                    uint64_t token)
{
    struct espt_error ignored;
    struct scope scope;
    struct log_head head;
    json_t *rows = json_array(), *last = NULL;
    if (scope_begin(&scope, broker, who, entity->name, false, &ignored) != 0) {
        json_decref(rows);
        return NULL;
    }
    scope.by_token = token != 0;
    scope.token = token;
    if (store_log_head(broker->store, &head, &ignored) == 0) {
        uint64_t before = head.sequence + 1;
        (void)!read_back(broker->store, &scope, &before, 1, rows, &ignored);
    }
    json_t *entry = json_array_get(rows, 0);
    if (entry != NULL)
        last =
            json_pack("{s:O, s:O, s:O}", "by", json_object_get(entry, "by"), "at",
                      json_object_get(entry, "time"), "command", json_object_get(entry, "command"));
    json_decref(rows);
    return last;
}

/* --- the command --- */

static int parse_cursor(const struct request_in *request, uint64_t *ret_before,
                        struct answer *answer, struct espt_error *err)
{
    const char *cursor = request->field[FIELD_CURSOR];
    const size_t len = strlen(cursor);
    if (len == 0 || len > 18 || strspn(cursor, "0123456789") != len)
        return answer_usage(answer, FIELD_CURSOR, err,
                            "cursor is not one that this portal gave; begin at the first page");
    *ret_before = strtoull(cursor, NULL, 10);
    return 0;
}

static int begin(struct broker *broker, const struct who *who, const struct request_in *request,
                 struct scope *scope, struct answer *answer, struct espt_error *err)
{
    const char *customers = request->field[FIELD_CUSTOMERS], *about = request->field[FIELD_ABOUT];
    uint64_t token = 0;
    if (customers != NULL && strcmp(customers, "yes") != 0)
        return answer_usage(answer, FIELD_CUSTOMERS, err, "customers is yes, or absent");
    if (about != NULL && !token_id_parse(about, strlen(about), &token))
        return answer_usage(answer, FIELD_ABOUT, err, "token is the id of one");
    int code =
        scope_begin(scope, broker, who, request->field[FIELD_ENTITY], customers != NULL, err);
    scope->by_token = about != NULL;
    scope->token = token;
    return code;
}

/* Entries with commas between them, for a file that the worker puts together. */
static char *as_lines(json_t *rows)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    json_t *row;
    size_t i;
    if (out == NULL)
        return NULL;
    json_array_foreach(rows, i, row)
    {
        fputs(i > 0 ? ",\n" : "", out);
        json_dumpf(row, out, JSON_COMPACT);
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

int run_log(struct broker *broker, const struct who *who, const struct request_in *request,
            struct answer *answer, struct espt_error *err)
{
    struct scope scope = {0};
    struct log_head head;
    size_t limit;
    uint64_t before = 0;
    int code = page_limit(request, &limit, answer, err);
    if (code == 0 && request->field[FIELD_CURSOR] != NULL)
        code = parse_cursor(request, &before, answer, err);
    if (code == 0)
        code = begin(broker, who, request, &scope, answer, err);
    if (code != 0)
        return code;
    json_t *rows = json_array();
    code = store_log_head(broker->store, &head, err);
    if (request->field[FIELD_CURSOR] == NULL || before > head.sequence + 1)
        before = head.sequence + 1;
    if (code == 0)
        code = read_back(broker->store, &scope, &before, limit, rows, err);
    char cursor[24] = "";
    if (before > 1)
        snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)before);
    if (code != 0 || request->field[FIELD_DOWNLOAD] == NULL) {
        answer->body =
            json_pack("{s:o, s:o}", "entries", rows, "cursor", json_text_or_null(cursor));
        return code;
    }
    answer->raw = as_lines(rows);
    json_decref(rows);
    memcpy(answer->location, cursor, sizeof cursor);
    return answer->raw != NULL ? 0 : espt_fail(err, ESPT_UNUSABLE, "out of memory");
}
