/* SPDX-License-Identifier: ISC */
#include "portal/change.h"

#include "common/token.h"
#include "portal/shapes.h"
#include "shapes/words.h"

#include <string.h>

int change_begin(struct broker *broker, bool revokes, struct espt_error *err)
{
    return revokes ? store_use_room(broker->store, err) : store_leave_room(broker->store, err);
}

bool change_again(struct broker *broker, bool revokes, int code)
{
    return code == ESPT_UNUSABLE && revokes && store_make_room(broker->store);
}

/* --- preconditions --- */

bool has_match(const struct request_in *request)
{
    const char *match = request->field[FIELD_IF_MATCH];
    return match != NULL && strcmp(match, "*") != 0;
}

static bool matches(const struct request_in *request, const char *revision)
{
    const char *match = request->field[FIELD_IF_MATCH];
    return !has_match(request) ||
           (match[0] == '"' && strncmp(match + 1, revision, REVISION_SIZE - 1) == 0 &&
            strcmp(match + REVISION_SIZE, "\"") == 0);
}

bool token_matches(const struct request_in *request, const struct token *token)
{
    char revision[REVISION_SIZE];
    revision_of_token(token, revision);
    return matches(request, revision);
}

bool entity_matches(const struct request_in *request, const struct entity *entity)
{
    char revision[REVISION_SIZE];
    revision_of_entity(entity, revision);
    return matches(request, revision);
}

int token_changed(struct broker *broker, const struct who *who, const struct token *token,
                  struct answer *answer, struct espt_error *err)
{
    struct entity entity;
    answer->now = broker_token_document(broker, token, NULL);
    if (store_entity_get(broker->store, token->entity, &entity, err) == 0)
        answer->changed = last_change(broker, who, &entity, token->id);
    return answer_refuse(answer, PROBLEM_CHANGED, err,
                         "the token was changed meanwhile; nothing was changed; look at it again");
}

int entity_changed(struct broker *broker, const struct who *who, const struct entity *entity,
                   struct answer *answer, struct espt_error *err)
{
    answer->now = portal_entity(entity, broker->tiers);
    answer->changed = last_change(broker, who, entity, 0);
    return answer_refuse(answer, PROBLEM_CHANGED, err,
                         "the entity was changed meanwhile; nothing was changed; look at it again");
}

/* --- fields --- */

static const struct {
    enum field field;
    const char *words; /* in the messages of src/store */
} blames[] = {
    {FIELD_NAME, "name already"},     {FIELD_NAME, "exists already"},
    {FIELD_NAME, "not a token name"}, {FIELD_NAME, "not an entity name"},
    {FIELD_NOTE, "not a note"},       {FIELD_CONTACT, "not a contact"},
    {FIELD_EXPIRES, "expiration"},    {FIELD_OVERLAP, "old secret working"},
    {FIELD_TIER, "ranks above"},      {FIELD_TIER, "would rank above"},
    {FIELD_TIER, "no such tier"},     {FIELD_STATUS, "switches it on"},
};

int change_blame(const struct request_in *request, struct answer *answer,
                 const struct espt_error *err)
{
    static const enum field texts[] = {FIELD_NAME, FIELD_NOTE, FIELD_CONTACT};
    for (size_t i = 0; i < sizeof blames / sizeof *blames && answer->field == NULL; i++) {
        if (request->field[blames[i].field] != NULL &&
            strstr(err->message, blames[i].words) != NULL)
            answer->field = field_name(blames[i].field);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts && answer->field == NULL; i++) {
        const char *text = request->field[texts[i]];
        if (text != NULL && token_within(text))
            answer->field = field_name(texts[i]);
    }
    return err->code;
}

int change_status(const struct request_in *request, int *ret_active, struct answer *answer,
                  struct espt_error *err)
{
    bool active;
    const char *status = request->field[FIELD_STATUS];
    if (status == NULL)
        return 0;
    if (!status_from_word(status, &active))
        return answer_usage(answer, FIELD_STATUS, err, "not a status; give active or inactive");
    *ret_active = active;
    return 0;
}
