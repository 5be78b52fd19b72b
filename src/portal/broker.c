/* SPDX-License-Identifier: ISC */
/* A broker: answers requests one after the other, from as many workers as there are. */
#include "portal/broker.h"
#include "portal/replay.h"
#include "portal/site.h"

#include "shapes/shapes.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static run_fn *const runs[PORTAL_COMMANDS] = {
    [PORTAL_SESSION] = run_session,
    [PORTAL_SIGN_IN] = run_sign_in,
    [PORTAL_SIGN_OUT] = run_sign_out,
    [PORTAL_TIERS] = run_tiers,
    [PORTAL_ENTITIES] = run_entities,
    [PORTAL_ENTITY_ADD] = run_entity_add,
    [PORTAL_ENTITY] = run_entity,
    [PORTAL_ENTITY_EDIT] = run_entity_edit,
    [PORTAL_ENTITY_REMOVE] = run_entity_remove,
    [PORTAL_TOKENS] = run_tokens,
    [PORTAL_CREATE] = run_create,
    [PORTAL_LOG] = run_log,
    [PORTAL_TOKEN] = run_token,
    [PORTAL_EDIT] = run_edit,
    [PORTAL_REMOVE] = run_remove,
    [PORTAL_ROTATE] = run_rotate,
    [PORTAL_RETIRE] = run_retire,
    [PORTAL_REVEAL] = run_reveal,
    [PORTAL_EXPLAIN] = run_explain,
};

/* --- one request --- */

/* `peer` is a connection's descriptor. If its other side is a user in `peers`, the answer is the
   ticket. */
static int answer_peer(const struct broker *broker, int peer, struct answer *answer,
                       struct espt_error *err)
{
    const struct config_portal *settings = &broker->portal->settings;
    struct ucred cred;
    socklen_t len = sizeof cred;
    if (peer >= 0 && getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
        len == sizeof cred && cred.pid > 0) {
        for (size_t i = 0; i < settings->peers; i++) {
            if (settings->peer[i] == cred.uid) {
                answer->raw = strdup(broker->portal->ticket);
                return answer->raw != NULL ? 0 : espt_fail(err, ESPT_UNUSABLE, "out of memory");
            }
        }
    }
    return answer_refuse(answer, PROBLEM_FORBIDDEN, err, "the peer is not the proxy");
}

static int need_fields(const struct request_in *request, struct answer *answer,
                       struct espt_error *err)
{
    const struct portal_command_entry *entry = &portal_commands[request->command];
    uint64_t given = 0;
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (request->field[i] == NULL)
            continue;
        given |= FIELD_BIT(i);
    }
    for (int i = 0; i < FIELD_COUNT; i++) {
        if ((entry->needed & ~given & FIELD_BIT(i)) != 0)
            return answer_usage(answer, (enum field)i, err, "%s is missing",
                                field_name((enum field)i));
    }
    if (entry->method != NULL && strcmp(entry->method, "PATCH") == 0 && (entry->body & given) == 0)
        return espt_fail(err, ESPT_USAGE, "nothing to change; give at least one field");
    return 0;
}

static void set_actor(struct broker *broker, const struct who *who, enum portal_command command)
{
    struct actor actor = {.user = STORE_PORTAL_USER};
    memcpy(actor.login, who->person, sizeof actor.login);
    snprintf(actor.command, sizeof actor.command, "%s", portal_commands[command].command);
    store_actor(broker->store, &actor);
}

static int run_as(struct broker *broker, const struct who *who, const struct request_in *request,
                  struct answer *answer, struct espt_error *err)
{
    const struct portal_command_entry *entry = &portal_commands[request->command];
    if (!who->manager && !entry->by_viewer)
        return answer_refuse(answer, PROBLEM_FORBIDDEN, err, "you may look, not change");
    int code = need_fields(request, answer, err);
    if (code != 0)
        return code;
    switch (replay_find(broker, who, request, answer)) {
    case REPLAY_SAME:
        return 0;
    case REPLAY_OTHER:
        return answer_refuse(answer, PROBLEM_REFUSED, err,
                             "this Idempotency-Key was used for another request; use a new one");
    case REPLAY_NONE:
        break;
    }
    if (entry->changes)
        set_actor(broker, who, request->command);
    code = runs[request->command](broker, who, request, answer, err);
    if (code == 0 && answer->body != NULL)
        replay_keep(broker, who, request, answer);
    return code;
}

static int run(struct broker *broker, const struct request_in *request, int peer,
               struct answer *answer, struct espt_error *err)
{
    const struct portal_command_entry *entry = &portal_commands[request->command];
    struct who who = {0};
    if (request->command == PORTAL_PEER)
        return answer_peer(broker, peer, answer, err);
    if (entry->changes != broker->changes)
        return answer_refuse(answer, PROBLEM_INTERNAL, err, "a command came to the wrong broker");
    int code = broker_store(broker, err);
    if (code != 0)
        return code;
    site_uses_load(broker);
    if (!entry->anyone) {
        code = identify(broker, request, answer, &who, err);
        return code == 0 ? run_as(broker, &who, request, answer, err) : code;
    }
    code = need_fields(request, answer, err);
    return code == 0 ? runs[request->command](broker, NULL, request, answer, err) : code;
}

void broker_answer(struct broker *broker, const struct request_in *request, int peer,
                   struct answer *answer)
{
    struct espt_error err = {0};
    int code = site_outcome(broker, run(broker, request, peer, answer, &err), answer);
    if (code == 0 && json_lacks())
        code = espt_fail(&err, ESPT_UNUSABLE, "out of memory");
    if (code != 0)
        answer_problem(answer, code, &err);
    else if (answer->status == 0)
        answer->status = 200;
    if (code == ESPT_UNUSABLE || code == ESPT_UNSURE)
        broker_drop_store(broker);
    store_result_printed(); /* signals are held from a commit on */
}

/* --- one packet --- */

static int send_answer(int worker, uint32_t id, const struct answer *answer)
{
    char *text = answer->body != NULL ? json_dumps(answer->body, JSON_COMPACT) : NULL;
    const char *body = text != NULL ? text : answer->raw != NULL ? answer->raw : "";
    const size_t len = strlen(body);
    static uint8_t packet[ANSWER_PACKET];
    struct answer_head head = {.id = id,
                               .status = (uint16_t)answer->status,
                               .etag_len = (uint16_t)strlen(answer->etag),
                               .location_len = (uint16_t)strlen(answer->location),
                               .cookie_len = (uint16_t)strlen(answer->cookie),
                               .retry_after = answer->retry_after,
                               .cookie = (uint32_t)answer->cookie_change,
                               .body_len = (uint32_t)len};
    if (len > ANSWER_BODY_MAX || (answer->body != NULL && text == NULL))
        head = (struct answer_head){.id = id, .status = 500};
    size_t used = sizeof head, sent = 0;
    memcpy(packet, &head, sizeof head);
    memcpy(packet + used, answer->etag, head.etag_len);
    used += head.etag_len;
    memcpy(packet + used, answer->location, head.location_len);
    used += head.location_len;
    memcpy(packet + used, answer->cookie, head.cookie_len);
    used += head.cookie_len;
    int rc;
    do {
        const size_t part = head.body_len - sent < sizeof packet - used ? head.body_len - sent
                                                                        : sizeof packet - used;
        memcpy(packet + used, body + sent, part);
        rc = packet_send(worker, packet, used + part, -1);
        sent += part;
        used = sizeof(struct answer_more);
        memcpy(packet, &(struct answer_more){.id = id}, used);
    } while (rc == 0 && sent < head.body_len);
    sodium_memzero(packet, sizeof packet);
    json_wipe_and_free(text);
    return rc;
}

bool broker_serve(struct broker *broker, int worker)
{
    static uint8_t packet[REQUEST_MAX];
    struct request_in request = {0};
    struct answer answer = {0};
    int peer = -1;
    const long len = packet_receive(worker, packet, sizeof packet, &peer);
    if (len == 0 || (len < 0 && errno != EMSGSIZE))
        return len < 0 && errno == EAGAIN;
    if (len > 0 && request_decode(packet, (size_t)len, &request)) {
        broker_answer(broker, &request, peer, &answer);
    } else {
        struct espt_error err;
        espt_fail(&err, ESPT_USAGE, "the worker sent a message that is malformed");
        answer_problem(&answer, err.code, &err);
    }
    if (peer >= 0)
        close(peer);
    const int rc = send_answer(worker, request.id, &answer);
    sodium_memzero(packet, sizeof packet);
    answer_clear(&answer);
    return rc == 0;
}
