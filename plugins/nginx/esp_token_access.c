/*
 * The access phase: asks the validator, keeps the verdict for logs and upstream headers, and
 * answers as RFC 6750 has it. nginx runs this phase for the main request, and again after an
 * internal redirect, but never for a subrequest.
 */
#include "esp_token.h"

#define INVALID_TOKEN "Bearer error=\"invalid_token\""
#define INSUFFICIENT_SCOPE "Bearer error=\"insufficient_scope\""
#define NOTHING_PRESENTED "Bearer realm=\"esp-token\""

/* A request's verdict is found by this handler, since an internal redirect clears all contexts. */
static void verdict_ends(void *data)
{
    explicit_bzero(data, sizeof(struct verdict));
}

static struct verdict *find_verdict(ngx_http_request_t *r)
{
    for (ngx_pool_cleanup_t *each = r->pool->cleanup; each != NULL; each = each->next) {
        if (each->handler == verdict_ends)
            return each->data;
    }
    return NULL;
}

const struct verdict *esp_token_verdict(ngx_http_request_t *r)
{
    return find_verdict(r);
}

/* An empty one: of a request that was redirected, the newest verdict counts. */
static struct verdict *new_verdict(ngx_http_request_t *r)
{
    struct verdict *verdict = find_verdict(r);
    if (verdict == NULL) {
        ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof *verdict);
        if (cleanup == NULL)
            return NULL;
        cleanup->handler = verdict_ends;
        verdict = cleanup->data;
    }
    ngx_memzero(verdict, sizeof *verdict);
    verdict->reason = "none";
    return verdict;
}

static void keep(struct verdict *verdict, const struct opened *opened, const espt_result *result)
{
    verdict->status = result->status;
    verdict->reason = opened->validator.v->reason(result->status);
    memcpy(verdict->token_id, result->token_id, sizeof verdict->token_id);
    if (result->status == ESPT_ALLOW) {
        memcpy(verdict->entity, result->entity, sizeof verdict->entity);
        memcpy(verdict->tier, result->tier, sizeof verdict->tier);
    }
}

static int cannot_tell(int32_t status)
{
    return status >= ESPT_ERR_UNAVAILABLE;
}

/* An empty entity is the token's own; an empty metric, unless written so, is no metric's name. */
static ngx_int_t fill_query(ngx_http_request_t *r, const esp_token_conf_t *conf, espt_query *query)
{
    ngx_str_t metric, entity;
    if (conf->metric != NULL && (conf->metric->lengths != NULL || conf->metric->value.len != 0)) {
        if (ngx_http_complex_value(r, conf->metric, &metric) != NGX_OK)
            return NGX_ERROR;
        query->metric = metric.len != 0 ? (const char *)metric.data : "";
        query->metric_len = metric.len;
    }
    if (conf->entity != NULL) {
        if (ngx_http_complex_value(r, conf->entity, &entity) != NGX_OK)
            return NGX_ERROR;
        query->entity = entity.len != 0 ? (const char *)entity.data : NULL;
        query->entity_len = entity.len;
    }
    return NGX_OK;
}

/* NGX_OK with the verdict filled, or NGX_ERROR. */
static ngx_int_t ask(ngx_http_request_t *r, const esp_token_conf_t *conf, struct verdict *verdict)
{
    struct presented presented;
    espt_query query = {.size = sizeof query};
    espt_result result = {.size = sizeof result};
    if (fill_query(r, conf, &query) != NGX_OK)
        return NGX_ERROR;
    if (!esp_token_present(r, conf->sources, &presented))
        return NGX_OK;
    query.token = (const char *)presented.text;
    query.token_len = presented.len;
    conf->opened->validator.v->validate(conf->opened->ctx, &query, &result);
    explicit_bzero(presented.decoded, sizeof presented.decoded);
    keep(verdict, conf->opened, &result);
    ngx_uint_t level = cannot_tell(result.status) ? NGX_LOG_ERR : NGX_LOG_NOTICE;
    if (result.status != ESPT_ALLOW)
        ngx_log_error(level, r->connection->log, 0, "esp_token: token %s: %s (%s)",
                      result.token_id[0] != '\0' ? result.token_id : "-", verdict->reason,
                      result.detail);
    return NGX_OK;
}

static ngx_int_t challenge(ngx_http_request_t *r, ngx_int_t status, const char *text)
{
    if (r->headers_out.www_authenticate != NULL)
        r->headers_out.www_authenticate->hash = 0; /* from before an internal redirect */
    ngx_table_elt_t *header = ngx_list_push(&r->headers_out.headers);
    r->headers_out.www_authenticate = header;
    if (header == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    ngx_memzero(header, sizeof *header);
    header->hash = 1;
    ngx_str_set(&header->key, "WWW-Authenticate");
    header->value.data = (u_char *)text;
    header->value.len = ngx_strlen(text);
    return status;
}

/* Another rule may still admit the request, if any suffices; esp_token_last_word() sees to it that
   none refuses it by another status. */
static ngx_int_t unavailable(ngx_http_request_t *r)
{
    const ngx_http_core_loc_conf_t *core = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    if (core->satisfy != NGX_HTTP_SATISFY_ANY)
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    r->access_code = NGX_HTTP_SERVICE_UNAVAILABLE;
    return NGX_DECLINED;
}

ngx_int_t esp_token_access(ngx_http_request_t *r)
{
    const esp_token_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_esp_token_module);
    if (!conf->enabled)
        return NGX_DECLINED;
    struct verdict *verdict = new_verdict(r);
    if (verdict == NULL || ask(r, conf, verdict) != NGX_OK)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (cannot_tell(verdict->status))
        return unavailable(r);
    switch (verdict->status) {
    case ESPT_ALLOW:
        return NGX_OK;
    case ESPT_UNSET:
        return challenge(r, NGX_HTTP_UNAUTHORIZED, NOTHING_PRESENTED);
    case ESPT_DENY_ENTITY:
    case ESPT_DENY_METRIC:
        return challenge(r, NGX_HTTP_FORBIDDEN, INSUFFICIENT_SCOPE);
    default:
        return challenge(r, NGX_HTTP_UNAUTHORIZED, INVALID_TOKEN);
    }
}

ngx_int_t esp_token_last_word(ngx_http_request_t *r)
{
    const esp_token_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_esp_token_module);
    const struct verdict *verdict = conf->enabled ? find_verdict(r) : NULL;
    if (verdict != NULL && cannot_tell(verdict->status) && r->access_code != 0)
        r->access_code = NGX_HTTP_SERVICE_UNAVAILABLE;
    return NGX_DECLINED;
}
