/* SPDX-License-Identifier: ISC */
/*
 * Answers requests, as RFC 6750 says.
 *
 * MUST 1: every answer has all X-ESP-* headers, empty unless a token was allowed. So a gateway that
 *         copies them removes what the client sent under these names.
 * MUST 2: the connection of a request whose end is ambiguous is closed.
 */
#include "counters.h"
#include "server.h"
#include "verdict.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)1024 * 1024)

struct answer {
    unsigned status;
    const char *challenge; /* of WWW-Authenticate; NULL: none */
    const char *text;      /* the body */
    bool close;            /* the connection ends with this answer */
};

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
    /* the library refuses an empty value; a blank arrives as one */
    return MHD_add_response_header(response, name, value[0] != '\0' ? value : " ") == MHD_YES;
}

/* Whose data was checked, for a back end that is asked for the data of several entities. */
static const char *asked(const struct verdict *verdict)
{
    return verdict->question.has_entity && verdict->reason == ESPT_ALLOW ? verdict->question.entity
                                                                         : verdict->result.entity;
}

static bool add_headers(struct MHD_Response *response, const struct answer *answer,
                        const struct verdict *verdict)
{
    bool allowed = verdict->reason == ESPT_ALLOW;
    return add(response, "X-ESP-Entity", verdict->result.entity) &&
           add(response, "X-ESP-Tier", verdict->result.tier) &&
           add(response, "X-ESP-Token-Id", verdict->result.token_id) &&
           add(response, "X-ESP-Metric", allowed ? verdict->question.metric : "") &&
           add(response, "X-ESP-Asked", asked(verdict)) &&
           add(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") &&
           add(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8") &&
           (answer->challenge == NULL ||
            add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, answer->challenge)) &&
           (!answer->close || add(response, MHD_HTTP_HEADER_CONNECTION, "close"));
}

/* MHD_NO closes the connection: then there is no answer, and the gateway refuses. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, const struct answer *answer,
                                   const struct verdict *verdict)
{
    size_t len = strlen(answer->text);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        len, (void *)(uintptr_t)answer->text, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result done = MHD_NO;
    if (add_headers(response, answer, verdict))
        done = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return done;
}

static struct answer answer_of(const struct gate *gate, int32_t reason)
{
    switch (reason) {
    case ESPT_ALLOW:
        return (struct answer){.status = MHD_HTTP_OK, .text = ""};
    case REASON_NONE:
        return (struct answer){MHD_HTTP_UNAUTHORIZED, "Bearer realm=\"esp-token\"", "no token\n",
                               0};
    case ESPT_DENY_METRIC:
    case ESPT_DENY_ENTITY:
    case REASON_QUESTION:
        return (struct answer){MHD_HTTP_FORBIDDEN, "Bearer error=\"insufficient_scope\"",
                               "insufficient scope\n", 0};
    case ESPT_ERR_UNAVAILABLE:
    case ESPT_ERR_CORRUPT:
    case ESPT_ERR_USAGE:
        return (struct answer){.status = gate->options.unavailable == UNAVAILABLE_403
                                             ? MHD_HTTP_FORBIDDEN
                                             : MHD_HTTP_SERVICE_UNAVAILABLE,
                               .text = "the validator cannot decide\n"};
    default:
        return (struct answer){MHD_HTTP_UNAUTHORIZED, "Bearer error=\"invalid_token\"",
                               "invalid token\n", 0};
    }
}

static enum MHD_Result refuse_request(struct MHD_Connection *connection, unsigned status,
                                      const char *text)
{
    const struct verdict nothing = {.reason = REASON_REQUEST};
    counters_verdict(REASON_REQUEST);
    return send_answer(connection, &(struct answer){.status = status, .text = text, .close = true},
                       &nothing);
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   const char *text, bool close)
{
    const struct verdict nothing = {0};
    return send_answer(connection, &(struct answer){.status = status, .text = text, .close = close},
                       &nothing);
}

static enum MHD_Result answer_counts(struct MHD_Connection *connection, const struct gate *gate,
                                     bool close)
{
    size_t len = 0;
    char *text = counters_print(gate->validator.v, &len);
    enum MHD_Result done =
        text != NULL ? answer_text(connection, MHD_HTTP_OK, text, close) : MHD_NO;
    free(text);
    return done;
}

static enum MHD_Result answer_health(struct MHD_Connection *connection, const struct gate *gate,
                                     bool close)
{
    bool healthy = verdict_healthy(gate);
    return answer_text(connection, healthy ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                       healthy ? "ok\n" : "the validator cannot decide\n", close);
}

static enum MHD_Result route(struct MHD_Connection *connection, const struct gate *gate,
                             const char *target, const struct headers *headers, bool close)
{
    struct verdict verdict;
    if (strcmp(target, "/healthz") == 0)
        return answer_health(connection, gate, close);
    if (strcmp(target, "/metrics") == 0)
        return answer_counts(connection, gate, close);
    if (!verdict_find(gate, target, headers, &verdict))
        return answer_text(connection, MHD_HTTP_NOT_FOUND, "no such path\n", close);
    counters_verdict(verdict.reason);
    struct answer answer = answer_of(gate, verdict.reason);
    answer.close = close;
    return send_answer(connection, &answer, &verdict);
}

/* After the head: what is wrong with the request as a whole? */
static const char *wrong_with(const struct headers *headers, unsigned *ret_status)
{
    *ret_status = MHD_HTTP_BAD_REQUEST;
    if (headers->malformed)
        return "malformed header\n";
    if (headers_are_ambiguous(headers))
        return "ambiguous length\n";
    *ret_status = MHD_HTTP_CONTENT_TOO_LARGE;
    return headers_length(headers) > BODY_MAX ? "the body is too long\n" : NULL;
}

/* An answer before the end of the request makes the library close the connection. */
static enum MHD_Result on_head(struct MHD_Connection *connection, const struct headers *headers)
{
    unsigned status = 0;
    const char *wrong = wrong_with(headers, &status);
    return wrong != NULL ? refuse_request(connection, status, wrong) : MHD_YES;
}

static enum MHD_Result on_call(struct MHD_Connection *connection, const struct gate *gate,
                               struct request *request)
{
    struct headers headers;
    const char *from = gate->options.metric_from;
    headers_read(connection, from != NULL ? from : "X-Forwarded-Uri", &headers);
    if (!request->begun) {
        request->begun = true;
        return on_head(connection, &headers);
    }
    return route(connection, gate, request->target, &headers,
                 headers.encoding.lines != 0 || server_is_draining());
}

/* The library calls this after the head, for each piece of the body, and at the end. */
enum MHD_Result answer_request(void *arg, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **state)
{
    struct request *request = *state;
    (void)arg, (void)url, (void)method, (void)version, (void)upload;
    if (request == NULL)
        return MHD_NO;
    if (*upload_size != 0) {
        request->body += *upload_size;
        *upload_size = 0;
        return request->body <= BODY_MAX ? MHD_YES : MHD_NO;
    }
    enum MHD_Result done = on_call(connection, gate_enter(), request);
    gate_leave();
    return done;
}
