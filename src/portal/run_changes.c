/* SPDX-License-Identifier: ISC */
/* Commands that change a token or show its text. */
#include "portal/broker.h"
#include "portal/change.h"
#include "portal/shapes.h"

#include "common/token.h"
#include "common/when.h"
#include "shapes/shapes.h"
#include "store/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define REVEALS 10                 /* at once */
#define REVEAL_EVERY INT64_C(6000) /* milliseconds, for one more */

/* The field expires; empty: never. *ret_expires is NULL without it. */
static int parse_expires(const struct request_in *request, int64_t *when,
                         const int64_t **ret_expires, struct answer *answer, struct espt_error *err)
{
    const char *text = request->field[FIELD_EXPIRES];
    *ret_expires = NULL;
    if (text == NULL)
        return 0;
    *when = WHEN_NEVER;
    if (text[0] != '\0' && when_parse(text, clock_now(), when, err) != 0) {
        answer->field = field_name(FIELD_EXPIRES);
        return err->code;
    }
    *ret_expires = when;
    return 0;
}

static void locate(struct answer *answer, const struct token *token)
{
    char id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    answer->status = 201;
    snprintf(answer->location, sizeof answer->location, "/api/v1/tokens/%s", id);
}

/* A refusal because of the tier's limit says what the tier says about it. */
static void say_upgrade(struct broker *broker, const char *name, struct answer *answer)
{
    struct entity entity;
    struct espt_error ignored;
    if (store_entity_get(broker->store, name, &entity, &ignored) != 0)
        return;
    const struct tier *tier = tier_of(&entity, broker->tiers);
    if (tier != NULL && tier->max_tokens != TIER_UNLIMITED && entity.tokens >= tier->max_tokens)
        answer->upgrade = tier->upgrade;
}

int run_create(struct broker *broker, const struct who *who, const struct request_in *request,
               struct answer *answer, struct espt_error *err)
{
    struct token_new wanted = {.entity = request->field[FIELD_ENTITY],
                               .name = request->field[FIELD_NAME],
                               .note = request->field[FIELD_NOTE]};
    struct token token;
    char text[TOKEN_TEXT_LEN + 1] = "";
    int64_t when;
    (void)who;
    int code = parse_expires(request, &when, &wanted.expires, answer, err);
    if (code == 0)
        code = broker_tiers(broker, err);
    if (code == 0)
        code = change_begin(broker, false, err);
    if (code == 0)
        code = store_token_create(broker->store, broker->tiers, &wanted, &token, text, err);
    if (code == ESPT_REFUSED)
        say_upgrade(broker, wanted.entity, answer);
    if (code == 0) {
        answer_token(broker, answer, &token, text);
        locate(answer, &token);
    }
    sodium_memzero(text, sizeof text);
    return code == 0 ? 0 : change_blame(request, answer, err);
}

int run_edit(struct broker *broker, const struct who *who, const struct request_in *request,
             struct answer *answer, struct espt_error *err)
{
    struct token token, edited;
    struct token_edit edit = {.name = request->field[FIELD_NAME],
                              .note = request->field[FIELD_NOTE]};
    int64_t when;
    int active = -1;
    int code = parse_expires(request, &when, &edit.expires, answer, err);
    if (code == 0)
        code = change_status(request, &active, answer, err);
    if (code == 0)
        code = broker_token(broker, request, &token, err);
    if (code != 0)
        return code;
    if (!token_matches(request, &token))
        return token_changed(broker, who, &token, answer, err);
    const bool revokes = active == 0 && edit.name == NULL && edit.note == NULL;
    const struct token_ref ref = {.by_id = true, .id = token.id};
    edit.active = active >= 0 ? &active : NULL;
    edit.shown = has_match(request) ? &token : NULL;
    code = change_begin(broker, revokes, err);
    if (code == 0) {
        do
            code = store_token_edit(broker->store, &ref, &edit, &edited, err);
        while (change_again(broker, revokes, code));
    }
    if (code == 0)
        answer_token(broker, answer, &edited, NULL);
    else if (code == ESPT_REFUSED && broker_token(broker, request, &edited, err) == 0 &&
             !token_matches(request, &edited))
        code = token_changed(broker, who, &edited, answer, err);
    return code == 0 ? 0 : change_blame(request, answer, err);
}

int run_remove(struct broker *broker, const struct who *who, const struct request_in *request,
               struct answer *answer, struct espt_error *err)
{
    struct token token;
    const char *word = request->field[FIELD_LAST];
    if (word != NULL && strcmp(word, "yes") != 0)
        return answer_usage(answer, FIELD_LAST, err, "last is yes, or absent");
    int code = broker_token(broker, request, &token, err);
    if (code == 0 && !token_matches(request, &token))
        return token_changed(broker, who, &token, answer, err);
    json_t *removed = code == 0 ? broker_token_document(broker, &token, NULL) : NULL;
    if (code == 0)
        code = change_begin(broker, true, err);
    if (code == 0) {
        do
            code = store_token_remove(broker->store, &token, word != NULL, err);
        while (change_again(broker, true, code));
    }
    if (code == 0)
        answer->body = json_pack("{s:o}", "removed", removed);
    else
        json_decref(removed);
    return code;
}

static int parse_overlap(const struct request_in *request, int64_t *ret_overlap,
                         struct answer *answer, struct espt_error *err)
{
    const char *text = request->field[FIELD_OVERLAP];
    *ret_overlap = -1;
    if (text == NULL)
        return 0;
    *ret_overlap = 0;
    if (strcmp(text, "0") == 0 || span_parse(text, ret_overlap))
        return 0;
    return answer_usage(answer, FIELD_OVERLAP, err,
                        "overlap is a span (12h, 7d), or 0 to end the old secret at once");
}

int run_rotate(struct broker *broker, const struct who *who, const struct request_in *request,
               struct answer *answer, struct espt_error *err)
{
    struct token token = {0};
    struct rotated rotated;
    char text[TOKEN_TEXT_LEN + 1] = "";
    const int64_t *expires;
    int64_t when, overlap;
    (void)who;
    int code = parse_expires(request, &when, &expires, answer, err);
    if (code == 0)
        code = parse_overlap(request, &overlap, answer, err);
    if (code == 0)
        code = broker_token(broker, request, &token, err);
    if (code == 0)
        code = broker_tiers(broker, err);
    if (code == 0)
        code = change_begin(broker, false, err);
    const struct token_ref ref = {.by_id = true, .id = token.id};
    if (code == 0)
        code = store_token_rotate(broker->store, broker->tiers, &ref, overlap, expires, &rotated,
                                  text, err);
    if (code == 0) {
        const int64_t now = clock_now();
        json_t *old = rotated.retiring ? portal_token(&rotated.old, NULL, rotated.token.id, now)
                                       : json_null();
        answer->body = json_pack("{s:o, s:o}", "token", portal_token(&rotated.token, text, 0, now),
                                 "old", old);
        locate(answer, &rotated.token);
    }
    sodium_memzero(text, sizeof text);
    return code == 0 ? 0 : change_blame(request, answer, err);
}

int run_retire(struct broker *broker, const struct who *who, const struct request_in *request,
               struct answer *answer, struct espt_error *err)
{
    struct token token = {0};
    (void)who;
    int code = broker_token(broker, request, &token, err);
    if (code == 0)
        code = change_begin(broker, true, err);
    const struct token_ref ref = {.by_id = true, .id = token.id};
    struct token_set set = {.ref = &ref, .refs = 1};
    if (code == 0) {
        do {
            tokens_clear(&set);
            set = (struct token_set){.ref = &ref, .refs = 1};
            code = store_tokens_retire(broker->store, &set, err);
        } while (change_again(broker, true, code));
    }
    if (code == 0)
        answer->body =
            json_pack("{s:o}", "retired", broker_token_document(broker, &set.item[0].token, NULL));
    tokens_clear(&set);
    return code;
}

int run_reveal(struct broker *broker, const struct who *who, const struct request_in *request,
               struct answer *answer, struct espt_error *err)
{
    struct token token;
    char text[TOKEN_TEXT_LEN + 1] = "", key[ENTITY_NAME_MAX + 80];
    if (!broker->portal->settings.reveal)
        return answer_refuse(answer, PROBLEM_FORBIDDEN, err,
                             "this installation does not show texts again; rotate the token to get "
                             "a new one");
    int code = broker_token(broker, request, &token, err);
    if (code != 0)
        return code;
    snprintf(key, sizeof key, "reveal %s %s", who->entity.name, who->person);
    answer->retry_after = rate_take(&broker->rates, key, REVEALS, REVEAL_EVERY);
    if (answer->retry_after > 0)
        return answer_refuse(answer, PROBLEM_WAIT, err, "too many views just now; wait %u seconds",
                             answer->retry_after);
    const struct token_ref ref = {.by_id = true, .id = token.id};
    code = change_begin(broker, false, err);
    if (code == 0)
        code = store_token_reveal(broker->store, &ref, &token, text, err);
    if (code == 0)
        answer->body = broker_token_document(broker, &token, text);
    sodium_memzero(text, sizeof text);
    return code;
}
