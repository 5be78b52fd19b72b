/* SPDX-License-Identifier: ISC */
/* Who asks: the holder of a session's cookie, or whom the proxy names. */
#include "portal/broker.h"
#include "portal/watch.h"

#include "store/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static bool same_text(const char *given, const char *wanted)
{
    uint8_t a[32], b[32];
    if (given == NULL || wanted[0] == '\0')
        return false;
    crypto_hash_sha256(a, (const uint8_t *)given, strlen(given));
    crypto_hash_sha256(b, (const uint8_t *)wanted, strlen(wanted));
    return sodium_memcmp(a, b, sizeof a) == 0;
}

bool through_proxy(const struct broker *broker, const struct request_in *request)
{
    const struct portal *portal = broker->portal;
    return portal->settings.proxy &&
           (same_text(request->field[FIELD_TICKET], portal->ticket) ||
            same_text(request->field[FIELD_PROXY_SECRET], portal->proxy_secret));
}

static int signed_out(struct answer *answer, struct espt_error *err)
{
    answer->cookie_change = COOKIE_CLEAR;
    return answer_refuse(answer, PROBLEM_SIGNED_OUT, err,
                         "you are not signed in, or your session has ended; ask for a new sign-in "
                         "link");
}

int pass_entity(struct broker *broker, const struct pass *pass, struct entity *ret_entity,
                struct espt_error *err)
{
    int code = store_entity_get(broker->store, pass->entity, ret_entity, err);
    if (code != 0)
        return code;
    if (ret_entity->number != pass->number || ret_entity->created != pass->entity_created)
        return espt_fail(err, ESPT_MISSING, "another entity has that name now");
    return entity_suspends(ret_entity) ? espt_fail(err, ESPT_REFUSED, "it is suspended") : 0;
}

static int by_cookie(struct broker *broker, const struct request_in *request, struct answer *answer,
                     struct who *who, struct espt_error *err)
{
    uint8_t digest[PASS_DIGEST_LEN];
    const int64_t now = clock_now(), idle = broker->portal->settings.idle;
    const char *cookie = request->field[FIELD_COOKIE];
    if (!broker->portal->settings.link || cookie == NULL || !pass_digest(cookie, digest))
        return signed_out(answer, err);
    int code = watch(broker->store, broker->passes, err);
    if (code != 0)
        return code;
    code = passes_find(broker->passes, digest, PASS_SESSION, &who->pass, err);
    if (code < 0)
        return code;
    if (code == 0 || pass_ended(&who->pass, idle, now))
        return signed_out(answer, err);
    code = pass_entity(broker, &who->pass, &who->entity, err);
    if (code == ESPT_MISSING || code == ESPT_REFUSED) {
        code = passes_replace(broker->passes, &who->pass, NULL, err);
        return code == ESPT_UNUSABLE ? code : signed_out(answer, err);
    }
    if (code != 0)
        return code;
    who->by_link = true;
    who->manager = who->pass.manager;
    snprintf(who->person, sizeof who->person, "link-%s", who->pass.id);
    if (request->field[FIELD_TOUCH] == NULL) {
        passes_touch(broker->passes, &who->pass, now);
        who->pass.used = now;
    }
    return 0;
}

static int by_proxy(struct broker *broker, const struct request_in *request, struct answer *answer,
                    struct who *who, struct espt_error *err)
{
    const char *entity = request->field[FIELD_PROXY_ENTITY];
    const char *person = request->field[FIELD_PROXY_PERSON];
    const char *role = request->field[FIELD_PROXY_ROLE];
    if (entity == NULL || person == NULL || role == NULL)
        return answer_refuse(answer, PROBLEM_SIGNED_OUT, err,
                             "the proxy named no entity, person or role; all of X-ESP-Entity, "
                             "X-ESP-Person and X-ESP-Role are needed");
    who->manager = strcmp(role, "manager") == 0;
    if (!entity_name_ok(entity, strlen(entity)) || person[0] == '\0' ||
        strlen(person) >= sizeof who->person || !token_name_ok(person, strlen(person)) ||
        (!who->manager && strcmp(role, "viewer") != 0))
        return answer_refuse(answer, PROBLEM_SIGNED_OUT, err,
                             "the proxy named an entity, person or role in a wrong form");
    int code = store_entity_get(broker->store, entity, &who->entity, err);
    if (code == ESPT_MISSING)
        return answer_refuse(answer, PROBLEM_SIGNED_OUT, err,
                             "the proxy named an entity that does not exist");
    if (code != 0)
        return code;
    memcpy(who->person, person, strlen(person) + 1);
    if (entity_suspends(&who->entity))
        return answer_refuse(
            answer, PROBLEM_FORBIDDEN, err,
            "%s, or its reseller, is inactive and may do nothing; ask your account manager",
            entity);
    return 0;
}

int identify(struct broker *broker, const struct request_in *request, struct answer *answer,
             struct who *ret_who, struct espt_error *err)
{
    const bool named = request->field[FIELD_PROXY_ENTITY] != NULL ||
                       request->field[FIELD_PROXY_PERSON] != NULL ||
                       request->field[FIELD_PROXY_ROLE] != NULL;
    const bool proxy = through_proxy(broker, request);
    struct who who = {0};
    int code = store_as(broker->store, NULL, err);
    if (code != 0)
        return code;
    if (broker->portal->settings.proxy && named && !proxy)
        return answer_refuse(answer, PROBLEM_SIGNED_OUT, err,
                             "this connection is not one of the proxy, which alone may say who "
                             "asks");
    if (proxy && (named || !broker->portal->settings.link))
        code = by_proxy(broker, request, answer, &who, err);
    else
        code = by_cookie(broker, request, answer, &who, err);
    if (code != 0)
        return code;
    store_as_entity(broker->store, &who.entity);
    *ret_who = who;
    return 0;
}
