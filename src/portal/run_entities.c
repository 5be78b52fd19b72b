/* SPDX-License-Identifier: ISC */
/* Commands about entities and tiers. */
#include "portal/broker.h"
#include "portal/change.h"
#include "portal/page.h"
#include "portal/shapes.h"

#include "common/token.h"
#include "shapes/shapes.h"
#include "store/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BY_NAME, BY_TIER, BY_STATUS, BY_CREATED, BY_TOKENS };
static const char *const columns[] = {"name", "tier", "status", "created", "tokens", NULL};

int run_tiers(struct broker *broker, const struct who *who, const struct request_in *request,
              struct answer *answer, struct espt_error *err)
{
    (void)who;
    (void)request;
    int code = broker_tiers(broker, err);
    if (code != 0)
        return code;
    json_t *tiers = json_array();
    for (size_t i = 0; i < broker->tiers->count; i++)
        json_array_append_new(tiers, json_of_tier(&broker->tiers->tier[i]));
    answer->body = json_pack("{s:o}", "tiers", tiers);
    return 0;
}

/* --- the list --- */

struct customer {
    struct place place; /* first: page_cut() sorts by it */
    struct entity entity;
};
struct gathering {
    const struct who *who;
    const struct page *page;
    const struct tier_table *tiers;
    const char *show; /* NULL: all */
    struct customer **customer;
    size_t count, room, all;
};

static int64_t key_of(const struct gathering *gathering, const struct entity *entity)
{
    const struct tier *tier = tier_of(entity, gathering->tiers);
    switch (gathering->page->column) {
    case BY_TIER:
        return tier != NULL ? (int64_t)tier->rank : 0;
    case BY_STATUS:
        return !entity->active;
    case BY_CREATED:
        return entity->created;
    case BY_TOKENS:
        return entity->tokens;
    default:
        return 0;
    }
}

static bool is_shown(const struct gathering *gathering, const struct entity *entity)
{
    const char *show = gathering->show;
    const struct tier *tier = tier_of(entity, gathering->tiers);
    if (show == NULL)
        return true;
    if (strcmp(show, "none") == 0)
        return entity->tokens == 0;
    if (strcmp(show, "inactive") == 0)
        return !entity->active;
    if (strcmp(show, "limit") == 0)
        return tier != NULL && tier->max_tokens != TIER_UNLIMITED &&
               entity->tokens >= tier->max_tokens;
    return strcmp(entity->tier, strchr(show, ':') + 1) == 0;
}

static bool show_ok(const char *show)
{
    return show == NULL || strcmp(show, "none") == 0 || strcmp(show, "inactive") == 0 ||
           strcmp(show, "limit") == 0 || strncmp(show, "tier:", 5) == 0;
}

static int on_entity(void *arg, const struct entity *entity, struct espt_error *err)
{
    struct gathering *gathering = arg;
    if (entity->number == gathering->who->entity.number)
        return 0;
    gathering->all++;
    if (!is_shown(gathering, entity) ||
        !page_seeks(gathering->page, (const char *const[]){entity->name}, 1))
        return 0;
    if (gathering->count == gathering->room) {
        const size_t room = gathering->room > 0 ? 2 * gathering->room : 64;
        struct customer **grown = realloc(gathering->customer, room * sizeof(struct customer *));
        if (grown == NULL)
            return espt_fail(err, ESPT_UNUSABLE, "out of memory");
        gathering->customer = grown;
        gathering->room = room;
    }
    struct customer *customer = calloc(1, sizeof *customer);
    if (customer == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    customer->place.key = key_of(gathering, entity);
    memcpy(customer->place.name, entity->name, sizeof entity->name);
    customer->entity = *entity;
    gathering->customer[gathering->count++] = customer;
    return 0;
}

static json_t *document(struct broker *broker, const struct gathering *gathering)
{
    size_t first, count;
    struct customer **customer = gathering->customer;
    json_t *rows = json_array();
    page_cut(gathering->page, (const struct place **)customer, gathering->count, &first, &count);
    for (size_t i = first; i < first + count; i++)
        json_array_append_new(rows, portal_entity(&customer[i]->entity, broker->tiers));
    const bool more = first + count < gathering->count;
    return json_pack(
        "{s:o, s:o, s:I, s:I, s:o}", "root", portal_entity(&gathering->who->entity, broker->tiers),
        "entities", rows, "total", (json_int_t)gathering->count, "all", (json_int_t)gathering->all,
        "cursor", more ? page_cursor(&customer[first + count - 1]->place) : json_null());
}

int run_entities(struct broker *broker, const struct who *who, const struct request_in *request,
                 struct answer *answer, struct espt_error *err)
{
    struct page page;
    struct gathering gathering = {.who = who, .page = &page, .show = request->field[FIELD_SHOW]};
    int code = page_parse(&page, request, columns, answer, err);
    if (code == 0 && !show_ok(gathering.show))
        return answer_usage(answer, FIELD_SHOW, err,
                            "show is limit, none, inactive, or tier: and the name of a tier");
    if (code == 0)
        code = broker_tiers(broker, err);
    gathering.tiers = broker->tiers;
    if (code == 0)
        code = store_entity_each(broker->store, on_entity, &gathering, err);
    if (code == 0)
        answer->body = document(broker, &gathering);
    for (size_t i = 0; i < gathering.count; i++)
        free(gathering.customer[i]);
    free(gathering.customer);
    return code;
}

/* --- one --- */

static void answer_entity(struct broker *broker, struct answer *answer, const struct entity *entity)
{
    char revision[REVISION_SIZE];
    revision_of_entity(entity, revision);
    snprintf(answer->etag, sizeof answer->etag, "\"%s\"", revision);
    answer->body = portal_entity(entity, broker->tiers);
}

/* Loads the tier table too, which the document needs. */
static int find_entity_and_tiers(struct broker *broker, const struct request_in *request,
                                 struct entity *ret_entity, struct espt_error *err)
{
    int code = store_entity_get(broker->store, request->field[FIELD_ENTITY], ret_entity, err);
    return code == 0 ? broker_tiers(broker, err) : code;
}

int run_entity(struct broker *broker, const struct who *who, const struct request_in *request,
               struct answer *answer, struct espt_error *err)
{
    struct entity entity;
    (void)who;
    int code = find_entity_and_tiers(broker, request, &entity, err);
    if (code == 0)
        answer_entity(broker, answer, &entity);
    return code;
}

int run_entity_add(struct broker *broker, const struct who *who, const struct request_in *request,
                   struct answer *answer, struct espt_error *err)
{
    const struct entity_new wanted = {.name = request->field[FIELD_NAME],
                                      .kind = KIND_CUSTOMER,
                                      .tier = request->field[FIELD_TIER],
                                      .contact = request->field[FIELD_CONTACT]};
    struct entity entity;
    struct token token;
    char text[TOKEN_TEXT_LEN + 1] = "";
    (void)who;
    int code = broker_tiers(broker, err);
    if (code == 0)
        code = change_begin(broker, false, err);
    if (code == 0)
        code = store_entity_add(broker->store, broker->tiers, &wanted, &entity, &token, text, err);
    if (code == 0) {
        answer_entity(broker, answer, &entity);
        answer->status = 201;
        answer->body = json_pack("{s:o, s:o}", "entity", answer->body, "token",
                                 portal_token(&token, text, 0, clock_now()));
        snprintf(answer->location, sizeof answer->location, "/api/v1/entities/%s", entity.name);
    }
    sodium_memzero(text, sizeof text);
    return code == 0 ? 0 : change_blame(request, answer, err);
}

int run_entity_edit(struct broker *broker, const struct who *who, const struct request_in *request,
                    struct answer *answer, struct espt_error *err)
{
    struct entity entity, edited;
    struct entity_edit edit = {.name = request->field[FIELD_NAME],
                               .tier = request->field[FIELD_TIER],
                               .contact = request->field[FIELD_CONTACT]};
    int active = -1;
    int code = change_status(request, &active, answer, err);
    if (code == 0)
        code = find_entity_and_tiers(broker, request, &entity, err);
    if (code != 0)
        return code;
    if (!entity_matches(request, &entity))
        return entity_changed(broker, who, &entity, answer, err);
    const bool revokes =
        active == 0 && edit.name == NULL && edit.tier == NULL && edit.contact == NULL;
    edit.active = active >= 0 ? &active : NULL;
    edit.shown = has_match(request) ? &entity : NULL;
    code = change_begin(broker, revokes, err);
    if (code == 0) {
        do
            code = store_entity_edit(broker->store, broker->tiers, entity.name, &edit, &edited,
                                     NULL, NULL, err);
        while (change_again(broker, revokes, code));
    }
    if (code == 0)
        answer_entity(broker, answer, &edited);
    else if (code == ESPT_REFUSED &&
             store_entity_get(broker->store, entity.name, &edited, err) == 0 &&
             !entity_matches(request, &edited))
        code = entity_changed(broker, who, &edited, answer, err);
    return code == 0 ? 0 : change_blame(request, answer, err);
}

int run_entity_remove(struct broker *broker, const struct who *who,
                      const struct request_in *request, struct answer *answer,
                      struct espt_error *err)
{
    struct entity entity;
    int code = find_entity_and_tiers(broker, request, &entity, err);
    if (code == 0 && !entity_matches(request, &entity))
        return entity_changed(broker, who, &entity, answer, err);
    if (code == 0)
        code = change_begin(broker, true, err);
    if (code == 0) {
        do
            code = store_entity_remove(broker->store, &entity, err);
        while (change_again(broker, true, code));
    }
    if (code == 0)
        answer->body = json_pack("{s:o}", "removed", portal_entity(&entity, broker->tiers));
    return code;
}
