/* SPDX-License-Identifier: ISC */
/*
 * The master opens validators while it reads the configuration. So `nginx -t` and a reload fail
 * with a message, and the trusted owners are fixed before workers become another user. Locations
 * that name the same validator and configuration share one.
 *
 * Workers inherit the open validators. The pool of a failed or replaced configuration closes its
 * own.
 */
#include "esp_token.h"

#include <syslog.h>

static void on_log(void *arg, int level, const char *message, size_t len)
{
    const struct opened *opened = arg;
    ngx_log_t *log = opened->log != NULL ? opened->log : ngx_cycle->log;
    ngx_uint_t nginx_level = (ngx_uint_t)ngx_min(ngx_max(level, LOG_EMERG), LOG_DEBUG) + 1;
    ngx_log_error(nginx_level, log, 0, "esp_token: %*s", len, message);
}

static void close_opened(void *data)
{
    struct opened *opened = data;
    if (opened->ctx != NULL)
        opened->validator.v->close(opened->ctx);
    espt_unload(&opened->validator);
}

static struct opened *find(const esp_token_main_conf_t *main, const ngx_str_t *validator,
                           const ngx_str_t *config)
{
    struct opened **all = main->opened.elts;
    for (ngx_uint_t i = 0; i < main->opened.nelts; i++) {
        const struct opened *each = all[i];
        if (each->path.len == validator->len && each->config.len == config->len &&
            ngx_memcmp(each->path.data, validator->data, validator->len) == 0 &&
            ngx_memcmp(each->config.data, config->data, config->len) == 0)
            return all[i];
    }
    return NULL;
}

static const char *text_or_null(const ngx_str_t *text)
{
    return text->len != 0 ? (const char *)text->data : NULL;
}

struct opened *esp_token_open(ngx_conf_t *cf, esp_token_main_conf_t *main,
                              const ngx_str_t *validator, const ngx_str_t *config)
{
    char err[1024] = "";
    struct opened *opened = find(main, validator, config);
    if (opened != NULL)
        return opened;
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, sizeof *opened);
    struct opened **place = ngx_array_push(&main->opened);
    if (cleanup == NULL || place == NULL)
        return NULL;
    opened = *place = cleanup->data;
    ngx_memzero(opened, sizeof *opened);
    cleanup->handler = close_opened;
    opened->path = *validator;
    opened->config = *config;
    opened->log = cf->log;
    if (!espt_load(&opened->validator, text_or_null(validator), err, sizeof err) ||
        !opened->validator.v->open(&opened->ctx, text_or_null(config), on_log, opened, err,
                                   sizeof err)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "esp_token: %s", err);
        return NULL;
    }
    opened->log = NULL;
    return opened;
}
