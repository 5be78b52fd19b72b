/* SPDX-License-Identifier: ISC */
/* Signing in by a link, signing out, and what a page wants to know at its start. */
#include "portal/broker.h"
#include "portal/watch.h"

#include "shapes/shapes.h"
#include "shapes/words.h"
#include "store/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define FAILURES 20                 /* at once */
#define FAILURE_EVERY INT64_C(3000) /* milliseconds, for one more */

static json_t *seconds_or_null(int64_t seconds)
{
    return seconds != 0 ? json_integer(seconds) : json_null();
}

static int64_t idle_end(const struct broker *broker, const struct pass *pass)
{
    const int64_t end = pass->used + broker->portal->settings.idle;
    return end < pass->ends ? end : pass->ends;
}

static json_t *session_document(const struct broker *broker, const struct who *who)
{
    const struct config *config = &broker->portal->config;
    const struct config_portal *settings = &broker->portal->settings;
    const struct tier *tier = tier_of(&who->entity, broker->tiers);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:b}", "entity", who->entity.name,
                  "kind", kind_word(who->entity.kind), "tier", who->entity.tier, "tier_label",
                  tier != NULL ? json_string(tier->label) : json_null(), "reseller",
                  json_text_or_null(who->entity.reseller), "person", who->person, "role",
                  who->manager ? "manager" : "viewer", "how", who->by_link ? "link" : "proxy",
                  "reveal", settings->reveal && who->manager);
    json_t *more = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "default_expiry",
        seconds_or_null(config->default_expiry), "max_expiry", seconds_or_null(config->max_expiry),
        "max_overlap", seconds_or_null(config->max_overlap), "example_url",
        json_text_or_null(settings->example_url), "now", json_time(clock_now()), "idle_ends",
        who->by_link ? json_time(idle_end(broker, &who->pass)) : json_null(), "ends",
        who->by_link ? json_time(who->pass.ends) : json_null());
    json_object_update(json, more);
    json_decref(more);
    return json;
}

int run_session(struct broker *broker, const struct who *who, const struct request_in *request,
                struct answer *answer, struct espt_error *err)
{
    const char *touch = request->field[FIELD_TOUCH];
    if (touch != NULL && strcmp(touch, "no") != 0)
        return answer_usage(answer, FIELD_TOUCH, err, "touch is no, or absent");
    int code = broker_tiers(broker, err);
    if (code == 0)
        answer->body = session_document(broker, who);
    return code;
}

/* --- sign in --- */

/* Links that do not exist, were used, have expired or whose entity is suspended get the same
   answer. Only failures count: a secret has 256 bits, so nobody finds a link by trying, and nobody
   keeps others from signing in by failing. */
static int dead(struct broker *broker, struct answer *answer, struct espt_error *err)
{
    answer->retry_after = rate_take(&broker->rates, "sign in", FAILURES, FAILURE_EVERY);
    if (answer->retry_after > 0)
        return answer_refuse(answer, PROBLEM_WAIT, err,
                             "too many sign-in links failed just now; wait %u seconds",
                             answer->retry_after);
    answer->field = field_name(FIELD_LINK);
    return answer_refuse(answer, PROBLEM_MISSING, err,
                         "this sign-in link does not work any more; ask for a new one");
}

static int find_link(struct broker *broker, const char *text, struct pass *ret_link,
                     struct entity *ret_entity, struct answer *answer, struct espt_error *err)
{
    uint8_t digest[PASS_DIGEST_LEN];
    const size_t prefix = strlen(LINK_PREFIX);
    if (!broker->portal->settings.link || strncmp(text, LINK_PREFIX, prefix) != 0 ||
        !pass_digest(text + prefix, digest))
        return dead(broker, answer, err);
    int code = watch(broker->store, broker->passes, err);
    if (code != 0)
        return code;
    code = passes_find(broker->passes, digest, PASS_LINK, ret_link, err);
    if (code < 0)
        return code;
    if (code == 0 || pass_ended(ret_link, 0, clock_now()))
        return dead(broker, answer, err);
    code = pass_entity(broker, ret_link, ret_entity, err);
    return code == ESPT_MISSING || code == ESPT_REFUSED ? dead(broker, answer, err) : code;
}

/* Replaces the link by a session, in one write: from then on the link is used. */
static int exchange(struct broker *broker, const struct pass *link, struct pass *ret_session,
                    struct answer *answer, struct espt_error *err)
{
    struct pass session = *link;
    const int64_t now = clock_now();
    pass_draw(&session, answer->cookie);
    session.kind = PASS_SESSION;
    session.created = session.used = now;
    session.ends = now + broker->portal->settings.session;
    int code = passes_replace(broker->passes, link, &session, err);
    if (code != 0)
        sodium_memzero(answer->cookie, sizeof answer->cookie);
    else
        *ret_session = session;
    return code == ESPT_MISSING ? dead(broker, answer, err) : code;
}

/* A session is in the log. If that fails, there is no session, and the link works again. */
static int log_sign_in(struct broker *broker, const struct who *who, const struct pass *link,
                       struct espt_error *err)
{
    char detail[64];
    struct actor actor = {.user = STORE_PORTAL_USER, .command = "sign in"};
    memcpy(actor.login, who->person, sizeof actor.login);
    snprintf(detail, sizeof detail, "signed in by link %s, as %s", link->id,
             who->manager ? "manager" : "viewer");
    store_actor(broker->store, &actor);
    store_as_entity(broker->store, &who->entity);
    int code = store_use_room(broker->store, err);
    if (code == 0)
        code = store_log_note(broker->store, "portal", detail, err);
    if (code != 0)
        (void)!passes_replace(broker->passes, &who->pass, link, &(struct espt_error){0});
    return code;
}

int run_sign_in(struct broker *broker, const struct who *nobody, const struct request_in *request,
                struct answer *answer, struct espt_error *err)
{
    struct pass link;
    struct who who = {.by_link = true};
    (void)nobody;
    int code = find_link(broker, request->field[FIELD_LINK], &link, &who.entity, answer, err);
    if (code == 0)
        code = broker_tiers(broker, err);
    if (code == 0)
        code = exchange(broker, &link, &who.pass, answer, err);
    if (code != 0)
        return code;
    who.manager = who.pass.manager;
    snprintf(who.person, sizeof who.person, "link-%s", who.pass.id);
    code = log_sign_in(broker, &who, &link, err);
    if (code != 0)
        return code;
    answer->cookie_change = COOKIE_SET;
    answer->status = 201;
    answer->body = session_document(broker, &who);
    return 0;
}

int run_sign_out(struct broker *broker, const struct who *who, const struct request_in *request,
                 struct answer *answer, struct espt_error *err)
{
    (void)request;
    int code = who->by_link ? passes_replace(broker->passes, &who->pass, NULL, err) : 0;
    if (code == ESPT_MISSING) /* it has ended meanwhile */
        code = 0;
    answer->cookie_change = COOKIE_CLEAR;
    answer->status = 204;
    return code;
}
