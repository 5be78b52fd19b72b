/* SPDX-License-Identifier: ISC */
/* Asks the validator about a request, and stores the verdict for variables, logs and rechecks. */
#include "esp_token.h"

/* Ends what esp_token_watch() began. */
static void stop_timer(struct verdict *verdict)
{
    if (verdict->timer.timer_set)
        ngx_del_timer(&verdict->timer);
}

/* The handler identifies the verdict among the cleanups of the request's pool. A module context
   cannot hold the verdict, because an internal redirect clears all contexts. */
static void verdict_free(void *data)
{
    stop_timer(data);
    explicit_bzero(data, sizeof(struct verdict));
}

struct verdict *esp_token_verdict(ngx_http_request_t *r)
{
    for (ngx_pool_cleanup_t *each = r->pool->cleanup; each != NULL; each = each->next) {
        if (each->handler == verdict_free)
            return each->data;
    }
    return NULL;
}

static struct verdict *verdict_new(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(struct verdict));
    if (cleanup == NULL)
        return NULL;
    struct verdict *verdict = cleanup->data;
    ngx_memzero(verdict, sizeof *verdict);
    verdict->request = r->main;
    verdict->reason = "none";
    cleanup->handler = verdict_free;
    return verdict;
}

/* What a location asks for. */
struct question {
    ngx_str_t metric, entity; /* data NULL: any metric, the token's own entity */
};

/* An empty entity means the token's own. A metric that is configured as an empty text means any
   metric. If variables make the metric empty, it is not the name of a metric, and is refused. */
static ngx_int_t evaluate(ngx_http_request_t *r, const esp_token_conf_t *conf,
                          struct question *ret_question)
{
    ngx_memzero(ret_question, sizeof *ret_question);
    if (conf->metric != NULL && (conf->metric->lengths != NULL || conf->metric->value.len != 0)) {
        if (ngx_http_complex_value(r, conf->metric, &ret_question->metric) != NGX_OK)
            return NGX_ERROR;
        if (ret_question->metric.len == 0)
            ret_question->metric.data = (u_char *)"";
    }
    if (conf->entity != NULL) {
        if (ngx_http_complex_value(r, conf->entity, &ret_question->entity) != NGX_OK)
            return NGX_ERROR;
        if (ret_question->entity.len == 0)
            ret_question->entity.data = NULL;
    }
    return NGX_OK;
}

/* Before the access phase, the location may still change. So the cached values of all variables are
   restored afterwards: otherwise a variable of a `map` would keep its early value, and a later
   phase would check it or pass it on. */
static ngx_int_t evaluate_early(ngx_http_request_t *r, const esp_token_conf_t *conf,
                                struct question *ret_question)
{
    const ngx_http_core_main_conf_t *core = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    size_t size = core->variables.nelts * sizeof *r->variables;
    void *saved = ngx_palloc(r->pool, size);
    if (saved == NULL)
        return NGX_ERROR;
    memcpy(saved, r->variables, size);
    ngx_int_t code = evaluate(r, conf, ret_question);
    memcpy(r->variables, saved, size);
    return code;
}

static int same_text(const ngx_str_t *a, const ngx_str_t *b)
{
    if (a->data == NULL || b->data == NULL)
        return a->data == b->data;
    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}

static void validate(const esp_token_conf_t *conf, const struct question *question,
                     const void *token, size_t token_len, espt_result *ret_result)
{
    const espt_query query = {.size = sizeof query,
                              .token = token,
                              .token_len = token_len,
                              .metric = (const char *)question->metric.data,
                              .metric_len = question->metric.len,
                              .entity = (const char *)question->entity.data,
                              .entity_len = question->entity.len};
    *ret_result = (espt_result){.size = sizeof *ret_result};
    conf->opened->validator.v->validate(conf->opened->ctx, &query, ret_result);
}

/* Forgets what was found before: after an internal redirect the newest verdict counts. */
static void verdict_reset(struct verdict *verdict, const esp_token_conf_t *conf,
                          const struct question *question)
{
    ngx_http_request_t *r = verdict->request;
    stop_timer(verdict);
    explicit_bzero(verdict, sizeof *verdict);
    verdict->request = r;
    verdict->conf = conf;
    verdict->metric = question->metric;
    verdict->entity_asked = question->entity;
    verdict->reached = ngx_current_msec;
    verdict->reason = "none";
}

static void verdict_fill(struct verdict *verdict, const espt_result *result,
                         const struct presented *presented)
{
    verdict->status = result->status;
    verdict->reason = verdict->conf->opened->validator.v->reason(result->status);
    memcpy(verdict->token_id, result->token_id, sizeof verdict->token_id);
    if (result->status != ESPT_ALLOW)
        return;
    memcpy(verdict->entity, result->entity, sizeof verdict->entity);
    memcpy(verdict->tier, result->tier, sizeof verdict->tier);
    /* after an upgrade nginx may reuse the memory of the request's header */
    if (presented->len <= sizeof verdict->token) {
        memcpy(verdict->token, presented->text, presented->len);
        verdict->token_len = presented->len;
    }
    verdict->confirmed = ngx_current_msec;
}

struct verdict *esp_token_validate(ngx_http_request_t *r, const esp_token_conf_t *conf, int early)
{
    struct presented presented;
    struct question question;
    espt_result result;
    struct verdict *verdict = esp_token_verdict(r);
    if (verdict == NULL)
        verdict = verdict_new(r);
    if (verdict == NULL || verdict->evaluating)
        return verdict;
    verdict->evaluating = 1;
    ngx_int_t code = early ? evaluate_early(r, conf, &question) : evaluate(r, conf, &question);
    verdict->evaluating = 0;
    if (code != NGX_OK)
        return NULL;
    if (verdict->conf == conf && verdict->reached == ngx_current_msec &&
        same_text(&verdict->metric, &question.metric) &&
        same_text(&verdict->entity_asked, &question.entity))
        return verdict;
    verdict_reset(verdict, conf, &question);
    if (!esp_token_present(r, conf->sources, &presented))
        return verdict;
    validate(conf, &question, presented.text, presented.len, &result);
    verdict_fill(verdict, &result, &presented);
    explicit_bzero(presented.decoded, sizeof presented.decoded);
    if (result.status != ESPT_ALLOW)
        ngx_log_error(esp_token_log_level(result.status), r->connection->log, 0,
                      "esp_token: token %s: %s (%s)",
                      result.token_id[0] != '\0' ? result.token_id : "-", verdict->reason,
                      result.detail);
    return verdict;
}

void esp_token_validate_again(const struct verdict *verdict, espt_result *ret_result)
{
    const struct question question = {verdict->metric, verdict->entity_asked};
    validate(verdict->conf, &question, verdict->token, verdict->token_len, ret_result);
}
