/* SPDX-License-Identifier: ISC */
/*
 * The access phase: admits a request, or answers as RFC 6750 says. nginx runs this phase for the
 * main request, and again after an internal redirect, but never for a subrequest. A subrequest of
 * a request that was not checked is checked in the phase before.
 */
#include "esp_token.h"

#define INVALID_TOKEN "Bearer error=\"invalid_token\""
#define INSUFFICIENT_SCOPE "Bearer error=\"insufficient_scope\""
#define NO_TOKEN "Bearer realm=\"esp-token\""

static ngx_int_t challenge(ngx_http_request_t *r, ngx_int_t status, const char *text)
{
    if (r->headers_out.www_authenticate != NULL)
        r->headers_out.www_authenticate->hash = 0; /* set before an internal redirect */
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

/* With `satisfy any` another rule may still admit the request. If none does, esp_token_access_end()
   makes 503 the answer, and not the status of another rule. */
static ngx_int_t answer_undecided(ngx_http_request_t *r)
{
    const ngx_http_core_loc_conf_t *core = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    if (core->satisfy != NGX_HTTP_SATISFY_ANY)
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    r->access_code = NGX_HTTP_SERVICE_UNAVAILABLE;
    return NGX_DECLINED;
}

/* NGX_OK, or the HTTP status of a refusal. */
static ngx_int_t answer(ngx_http_request_t *r, struct verdict *verdict)
{
    if (verdict->status == ESPT_ALLOW) {
        esp_token_watch(verdict);
        return NGX_OK;
    }
    ngx_int_t status = esp_token_http_status(verdict->status);
    return challenge(r, status,
                     verdict->status == ESPT_UNSET  ? NO_TOKEN
                     : status == NGX_HTTP_FORBIDDEN ? INSUFFICIENT_SCOPE
                                                    : INVALID_TOKEN);
}

ngx_int_t esp_token_access(ngx_http_request_t *r)
{
    const esp_token_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_esp_token_module);
    if (!conf->enabled)
        return NGX_DECLINED;
    struct verdict *verdict = esp_token_validate(r, conf, 0);
    if (verdict == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    return esp_token_undecided(verdict->status) ? answer_undecided(r) : answer(r, verdict);
}

/* With auth_request, a location that asks for a token may guard one that does not. */
ngx_int_t esp_token_subrequest(ngx_http_request_t *r)
{
    const esp_token_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_esp_token_module);
    if (r == r->main || !conf->enabled)
        return NGX_DECLINED;
    struct verdict *verdict = esp_token_verdict(r);
    if (verdict != NULL && !verdict->subrequest)
        return NGX_DECLINED;
    verdict = esp_token_validate(r, conf, 0);
    if (verdict == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    verdict->subrequest = 1;
    if (esp_token_undecided(verdict->status))
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    ngx_int_t status = answer(r, verdict);
    return status == NGX_OK ? NGX_DECLINED : status;
}

ngx_int_t esp_token_access_end(ngx_http_request_t *r)
{
    const esp_token_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_esp_token_module);
    const struct verdict *verdict = conf->enabled ? esp_token_verdict(r) : NULL;
    if (verdict != NULL && esp_token_undecided(verdict->status) && r->access_code != 0)
        r->access_code = NGX_HTTP_SERVICE_UNAVAILABLE;
    return NGX_DECLINED;
}

/* nginx runs `return` and `rewrite` before the access phase, so such a location is open to all. */
ngx_int_t esp_token_log(ngx_http_request_t *r)
{
    esp_token_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_esp_token_module);
    ngx_uint_t status = r->headers_out.status;
    if (!conf->enabled || conf->warned || status < NGX_HTTP_OK ||
        status >= NGX_HTTP_SPECIAL_RESPONSE || esp_token_verdict(r) != NULL)
        return NGX_OK;
    conf->warned = 1;
    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "esp_token: %V was answered with %ui before a token was asked for; in locations "
                  "with esp_token on, use try_files instead of return",
                  &r->uri, status);
    return NGX_OK;
}
