/* SPDX-License-Identifier: ISC */
/*
 * Long requests: WebSockets, downloads, uploads, answers that are waited for. A timer of the
 * request validates its token again, and ends the request if the token is refused. The client gets
 * no error, because the header of the answer may have been sent. It sees that the answer is cut
 * off, asks again, and is refused then.
 */
#include "esp_token.h"

/* A request ends if its token could not be checked for this many rechecks, or for a minute. */
#define UNDECIDED_RECHECKS 6
#define UNDECIDED_MAX 60000

/*
 * Makes nginx end the request as if the client had closed the connection. That is correct in every
 * state of a request. `status` is for the access log, if nothing was sent yet.
 *
 * MUST 1: set c->error. Then nginx sends nothing more, and does not keep the connection.
 * MUST 2: hold one more reference. The clean-up of an upstream request drops one, and with the last
 *         one nginx would free the request while it is still ending it. The final step of nginx
 *         sets the count to 1, whatever it is.
 * MUST 3: do not run post_action, which would begin another request in this one.
 */
static void end_request(ngx_http_request_t *r, ngx_int_t status)
{
    ngx_connection_t *connection = r->connection;
    connection->error = 1;
    r->keepalive = 0;
    r->count++;
    r->post_action = 1;
    r->uri_changes = 0;
    ngx_http_finalize_request(r, status);
    ngx_http_run_posted_requests(connection);
}

static int undecided_too_long(const struct verdict *verdict)
{
    ngx_msec_t since = ngx_current_msec - verdict->confirmed;
    return since >= UNDECIDED_MAX || since >= UNDECIDED_RECHECKS * verdict->conf->recheck;
}

/* The back end got the entity and the tier when the request began, and cannot get new ones. */
static int is_changed(const struct verdict *verdict, const espt_result *result)
{
    return strcmp(verdict->entity, result->entity) != 0 || strcmp(verdict->tier, result->tier) != 0;
}

static void on_timer(ngx_event_t *event)
{
    struct verdict *verdict = event->data;
    ngx_http_request_t *r = verdict->request;
    ngx_log_t *log = r->connection->log;
    espt_result result;
    ngx_http_set_log_request(log, r);
    esp_token_validate_again(verdict, &result);
    if (result.status == ESPT_ALLOW && is_changed(verdict, &result)) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "esp_token: token %s: its entity or tier has changed; the request is ended",
                      result.token_id);
        end_request(r, NGX_HTTP_UNAUTHORIZED);
        return;
    }
    if (result.status == ESPT_ALLOW)
        verdict->confirmed = ngx_current_msec;
    if (result.status == ESPT_ALLOW ||
        (esp_token_undecided(result.status) && !undecided_too_long(verdict))) {
        ngx_add_timer(event, verdict->conf->recheck);
        return;
    }
    verdict->status = result.status;
    verdict->reason = verdict->conf->opened->validator.v->reason(result.status);
    ngx_log_error(esp_token_log_level(result.status), log, 0,
                  "esp_token: token %s: %s (%s); the request is ended", verdict->token_id,
                  verdict->reason, result.detail);
    end_request(r, esp_token_http_status(result.status));
}

void esp_token_watch(struct verdict *verdict)
{
    ngx_event_t *timer = &verdict->timer;
    timer->handler = on_timer;
    timer->data = verdict;
    timer->log = verdict->request->connection->log;
    timer->cancelable = 1; /* a worker that shuts down does not wait for it */
    ngx_add_timer(timer, verdict->conf->recheck);
}
