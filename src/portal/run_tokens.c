/* SPDX-License-Identifier: ISC */
/* Commands that show tokens: a page of them, one, and what it may see. */
#include "portal/broker.h"
#include "portal/explain.h"
#include "portal/page.h"
#include "portal/shapes.h"

#include "common/token.h"
#include "shapes/words.h"
#include "store/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sorting and seeking read every token of the entity. They are refused if it has more than this. */
#define SORTED_MAX 20000

enum { BY_NAME, BY_STATUS, BY_CREATED, BY_EXPIRES, BY_LAST_USED, BY_USES };
static const char *const columns[] = {"name",      "status", "created", "expires",
                                      "last_used", "uses",   NULL};

struct found {
    struct place place; /* first: page_cut() sorts by it */
    struct token token;
};
struct found_list {
    struct found **item;
    size_t count, room;
};
struct gathering {
    const struct page *page;
    int64_t now;
    struct entity entity;
    struct found_list named, retiring;
};

static int push(struct found_list *list, const struct place *place, const struct token *token,
                struct espt_error *err)
{
    struct found *found = malloc(sizeof *found);
    if (list->count == list->room) {
        const size_t room = list->room > 0 ? 2 * list->room : 64;
        struct found **item = realloc(list->item, room * sizeof(struct found *));
        if (item != NULL) {
            list->item = item;
            list->room = room;
        }
    }
    if (found == NULL || list->count == list->room) {
        free(found);
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    }
    *found = (struct found){.place = *place, .token = *token};
    list->item[list->count++] = found;
    return 0;
}

static void list_clear(struct found_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    free(list->item);
}

static int64_t key_of(const struct token *token, int column, int64_t now)
{
    switch (column) {
    case BY_STATUS:
        return (int64_t)token_status(token, now);
    case BY_CREATED:
        return token->created;
    case BY_EXPIRES:
        return token->expires != 0 ? token->expires : INT64_MAX;
    case BY_LAST_USED:
        return token->last_used;
    case BY_USES:
        return (int64_t)token->uses;
    default:
        return 0;
    }
}

static int on_token(void *arg, const struct entity *entity, const struct token *token,
                    struct espt_error *err)
{
    struct gathering *gathering = arg;
    char id[TOKEN_ID_LEN + 1];
    if (token == NULL) {
        gathering->entity = *entity;
        return 0;
    }
    token_id_format(token->id, id);
    struct place place = {.key = key_of(token, gathering->page->column, gathering->now)};
    memcpy(place.name, token->name, sizeof place.name);
    if (token->retiring)
        return push(&gathering->retiring, &place, token, err);
    if (!page_seeks(gathering->page, (const char *const[]){token->name, token->note, id}, 3))
        return 0;
    return push(&gathering->named, &place, token, err);
}

/* A token, and after it the old secret that retires under its name. */
static void add_rows(json_t *rows, const struct gathering *gathering, const struct token *token)
{
    json_array_append_new(rows, portal_token(token, NULL, 0, gathering->now));
    for (size_t i = 0; i < gathering->retiring.count; i++) {
        const struct token *old = &gathering->retiring.item[i]->token;
        if (strcmp(old->name, token->name) == 0)
            json_array_append_new(rows, portal_token(old, NULL, token->id, gathering->now));
    }
}

/* By name the store itself finds the page; `more` says whether others follow. */
static bool by_walk(const struct page *page)
{
    return page->column == BY_NAME && !page->down && page->sought[0] == L'\0';
}

static int gather(struct broker *broker, struct gathering *gathering, const char *entity,
                  bool *ret_more, struct answer *answer, struct espt_error *err)
{
    const struct page *page = gathering->page;
    const struct token_page wanted = {.after = page->continues ? page->after.name : "",
                                      .most = page->limit};
    *ret_more = false;
    if (by_walk(page))
        return store_token_page(broker->store, entity, &wanted, on_token, gathering, ret_more, err);
    struct entity one;
    int code = store_entity_get(broker->store, entity, &one, err);
    if (code == 0 && one.tokens > SORTED_MAX)
        return answer_usage(answer, FIELD_SORT, err,
                            "%s has more than %d tokens, which are listed by name alone", entity,
                            SORTED_MAX);
    if (code != 0)
        return code;
    return store_each(broker->store, entity, on_token, gathering, NULL, err);
}

static json_t *document(struct broker *broker, struct gathering *gathering, bool more)
{
    const struct page *page = gathering->page;
    const struct found_list *named = &gathering->named;
    size_t first = 0, count = named->count;
    if (!by_walk(page)) {
        page_cut(page, (const struct place **)named->item, named->count, &first, &count);
        more = first + count < named->count;
    }
    json_t *rows = json_array();
    if (named->item == NULL)
        count = 0;
    for (size_t i = first; i < first + count; i++)
        add_rows(rows, gathering, &named->item[i]->token);
    const json_int_t total =
        by_walk(page) ? (json_int_t)gathering->entity.tokens : (json_int_t)named->count;
    return json_pack("{s:o, s:o, s:I, s:I, s:o}", "tokens", rows, "entity",
                     portal_entity(&gathering->entity, broker->tiers), "total", total, "all",
                     (json_int_t)gathering->entity.tokens, "cursor",
                     more && count > 0 ? page_cursor(&named->item[first + count - 1]->place)
                                       : json_null());
}

int run_tokens(struct broker *broker, const struct who *who, const struct request_in *request,
               struct answer *answer, struct espt_error *err)
{
    struct page page;
    struct gathering gathering = {.page = &page, .now = clock_now()};
    bool more;
    (void)who;
    int code = page_parse(&page, request, columns, answer, err);
    if (code == 0)
        code = broker_tiers(broker, err);
    if (code == 0)
        code = gather(broker, &gathering, request->field[FIELD_ENTITY], &more, answer, err);
    if (code == 0)
        answer->body = document(broker, &gathering, more);
    list_clear(&gathering.named);
    list_clear(&gathering.retiring);
    return code;
}

int broker_token(struct broker *broker, const struct request_in *request, struct token *ret_token,
                 struct espt_error *err)
{
    const char *id = request->field[FIELD_TOKEN];
    struct token_ref ref = {.by_id = true};
    if (!token_id_parse(id, strlen(id), &ref.id))
        return espt_fail(err, ESPT_MISSING, "there is no such token");
    return store_token_get(broker->store, &ref, ret_token, err);
}

json_t *broker_token_document(struct broker *broker, const struct token *token, const char *text)
{
    struct token_ref ref = {0};
    struct token successor = {0};
    struct espt_error ignored;
    if (token->retiring) {
        memcpy(ref.entity, token->entity, sizeof ref.entity);
        memcpy(ref.name, token->name, sizeof ref.name);
        (void)!store_token_get(broker->store, &ref, &successor, &ignored);
    }
    return portal_token(token, text, successor.id, clock_now());
}

void answer_token(struct broker *broker, struct answer *answer, const struct token *token,
                  const char *text)
{
    char revision[REVISION_SIZE];
    revision_of_token(token, revision);
    snprintf(answer->etag, sizeof answer->etag, "\"%s\"", revision);
    answer->body = broker_token_document(broker, token, text);
}

int run_token(struct broker *broker, const struct who *who, const struct request_in *request,
              struct answer *answer, struct espt_error *err)
{
    struct token token;
    (void)who;
    int code = broker_token(broker, request, &token, err);
    if (code == 0)
        answer_token(broker, answer, &token, NULL);
    return code;
}

int run_explain(struct broker *broker, const struct who *who, const struct request_in *request,
                struct answer *answer, struct espt_error *err)
{
    const char *metric = request->field[FIELD_METRIC];
    struct token token;
    struct entity entity;
    (void)who;
    if (!metric_name_ok(metric, strlen(metric)))
        return answer_usage(answer, FIELD_METRIC, err,
                            "not a metric: it is 1 to %d of a-z0-9._-, as in kpi.peak_audience",
                            METRIC_NAME_MAX);
    int code = broker_token(broker, request, &token, err);
    if (code == 0)
        code = store_entity_get(broker->store, token.entity, &entity, err);
    if (code == 0)
        code = broker_tiers(broker, err);
    if (code == 0)
        answer->body = explain_token(&token, &entity, broker->tiers, metric, clock_now());
    return code;
}
