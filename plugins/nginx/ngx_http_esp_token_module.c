/* SPDX-License-Identifier: ISC */
/* nginx admits requests by esp_validator.so: directives, their inheritance, variables. README.md is
   the manual. */
#include "esp_token.h"

static char *set_sources(ngx_conf_t *cf, ngx_command_t *command, void *data);

/* A long request may go on for a minute at most after its token is switched off. */
#define RECHECK_DEFAULT 10000
#define RECHECK_MIN 1000
#define RECHECK_MAX 60000

static char *check_recheck(ngx_conf_t *cf, void *post, void *data);
static ngx_conf_post_t recheck_post = {check_recheck};

#define ANYWHERE (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LMT_CONF)

static ngx_command_t commands[] = {
    {ngx_string("esp_token"), ANYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(esp_token_conf_t, enabled), NULL},
    {ngx_string("esp_token_validator"), ANYWHERE | NGX_CONF_TAKE1, ngx_conf_set_str_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(esp_token_conf_t, validator), NULL},
    {ngx_string("esp_token_config"), ANYWHERE | NGX_CONF_TAKE1, ngx_conf_set_str_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(esp_token_conf_t, config), NULL},
    {ngx_string("esp_token_metric"), ANYWHERE | NGX_CONF_TAKE1, ngx_http_set_complex_value_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(esp_token_conf_t, metric), NULL},
    {ngx_string("esp_token_entity"), ANYWHERE | NGX_CONF_TAKE1, ngx_http_set_complex_value_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(esp_token_conf_t, entity), NULL},
    {ngx_string("esp_token_header"), ANYWHERE | NGX_CONF_1MORE, set_sources,
     NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("esp_token_recheck"), ANYWHERE | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(esp_token_conf_t, recheck), &recheck_post},
    ngx_null_command,
};

static char *check_recheck(ngx_conf_t *cf, void *post, void *data)
{
    const ngx_msec_t *recheck = data;
    (void)cf, (void)post;
    return *recheck >= RECHECK_MIN && *recheck <= RECHECK_MAX ? NGX_CONF_OK : "must be 1s to 60s";
}

static const char authorization[] = "authorization";

/* A source is "bearer", "basic", or the name of a header. */
static int parse_source(ngx_conf_t *cf, const ngx_str_t *word, struct source *ret_source)
{
    ngx_str_t header = {word->len, ngx_pnalloc(cf->pool, word->len)};
    if (header.data == NULL || word->len == 0)
        return 0;
    ngx_strlow(header.data, word->data, word->len);
    for (size_t i = 0; i < header.len; i++) {
        u_char c = header.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return 0;
    }
    ret_source->kind = SOURCE_HEADER;
    ret_source->header = header;
    if (ngx_strcmp(word->data, "bearer") == 0)
        ret_source->kind = SOURCE_BEARER;
    else if (ngx_strcmp(word->data, "basic") == 0)
        ret_source->kind = SOURCE_BASIC;
    if (ret_source->kind != SOURCE_HEADER) {
        ret_source->header.data = (u_char *)authorization;
        ret_source->header.len = sizeof authorization - 1;
    }
    return 1;
}

static char *set_sources(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
    esp_token_conf_t *conf = data;
    const ngx_str_t *words = cf->args->elts;
    if (conf->sources != NGX_CONF_UNSET_PTR)
        return "is duplicate";
    conf->sources = ngx_array_create(cf->pool, cf->args->nelts - 1, sizeof(struct source));
    for (ngx_uint_t i = 1; conf->sources != NULL && i < cf->args->nelts; i++) {
        struct source *source = ngx_array_push(conf->sources);
        if (!parse_source(cf, &words[i], source)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" takes bearer, basic or names of headers (letters, digits, "
                               "hyphens), not \"%V\"",
                               &command->name, &words[i]);
            return NGX_CONF_ERROR;
        }
    }
    return conf->sources != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static ngx_array_t *default_sources(ngx_conf_t *cf)
{
    static const struct source defaults[] = {
        {SOURCE_BEARER, ngx_string("authorization")},
        {SOURCE_HEADER, ngx_string("x-api-key")},
        {SOURCE_BASIC, ngx_string("authorization")},
    };
    ngx_array_t *sources = ngx_array_create(cf->pool, 3, sizeof(struct source));
    if (sources != NULL)
        memcpy(ngx_array_push_n(sources, 3), defaults, sizeof defaults);
    return sources;
}

static void *create_main_conf(ngx_conf_t *cf)
{
    esp_token_main_conf_t *main = ngx_pcalloc(cf->pool, sizeof *main);
    if (main == NULL ||
        ngx_array_init(&main->opened, cf->pool, 2, sizeof(struct opened *)) != NGX_OK)
        return NULL;
    return main;
}

static void *create_conf(ngx_conf_t *cf)
{
    esp_token_conf_t *conf = ngx_pcalloc(cf->pool, sizeof *conf);
    if (conf == NULL)
        return NULL;
    conf->enabled = NGX_CONF_UNSET;
    conf->metric = NGX_CONF_UNSET_PTR;
    conf->entity = NGX_CONF_UNSET_PTR;
    conf->sources = NGX_CONF_UNSET_PTR;
    conf->recheck = NGX_CONF_UNSET_MSEC;
    return conf;
}

/* A relative path is relative to the folder of nginx.conf. */
static int make_absolute(ngx_conf_t *cf, ngx_str_t *path)
{
    return path->len == 0 || ngx_conf_full_name(cf->cycle, path, 1) == NGX_OK;
}

static char *merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    const esp_token_conf_t *outer = parent;
    esp_token_conf_t *inner = child;
    ngx_conf_merge_value(inner->enabled, outer->enabled, 0);
    ngx_conf_merge_str_value(inner->validator, outer->validator, "");
    ngx_conf_merge_str_value(inner->config, outer->config, "");
    ngx_conf_merge_ptr_value(inner->metric, outer->metric, NULL);
    ngx_conf_merge_ptr_value(inner->entity, outer->entity, NULL);
    ngx_conf_merge_ptr_value(inner->sources, outer->sources, NULL);
    ngx_conf_merge_msec_value(inner->recheck, outer->recheck, RECHECK_DEFAULT);
    if (!inner->enabled)
        return NGX_CONF_OK;
    if (inner->sources == NULL)
        inner->sources = default_sources(cf);
    if (inner->sources == NULL || !make_absolute(cf, &inner->validator) ||
        !make_absolute(cf, &inner->config))
        return NGX_CONF_ERROR;
    inner->opened =
        esp_token_open(cf, ngx_http_conf_get_module_main_conf(cf, ngx_http_esp_token_module),
                       &inner->validator, &inner->config);
    return inner->opened != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}

enum { VARIABLE_ENTITY, VARIABLE_TIER, VARIABLE_ID, VARIABLE_REASON };

/* The verdict to read variables from. A variable that is read before the access phase (limit_req,
   limit_conn, set, if) makes the module decide at once. The module does not decide after the
   answer's header was sent, or in the log phase. Subrequests have the verdict of their main
   request. */
static const struct verdict *current_verdict(ngx_http_request_t *r)
{
    const esp_token_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_esp_token_module);
    const struct verdict *verdict = esp_token_verdict(r);
    if (!conf->enabled || r != r->main || r->header_sent || r->count == 0 ||
        (verdict != NULL && verdict->conf == conf))
        return verdict;
    return esp_token_validate(r, conf, 1);
}

/* Only the validator fills these variables; a client cannot. They are empty while the directives'
   own variables are evaluated: a circular definition asks for no metric and no entity. */
static ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *ret_value,
                              uintptr_t which)
{
    const struct verdict *verdict = current_verdict(r);
    const char *text = "";
    if (verdict != NULL && !verdict->evaluating)
        text = which == VARIABLE_ENTITY ? verdict->entity
               : which == VARIABLE_TIER ? verdict->tier
               : which == VARIABLE_ID   ? verdict->token_id
                                        : verdict->reason;
    ret_value->data = (u_char *)text;
    ret_value->len = (unsigned)ngx_strlen(text) & 0xfffffff;
    ret_value->valid = text[0] != '\0';
    ret_value->not_found = text[0] == '\0';
    ret_value->no_cacheable = 0;
    return NGX_OK;
}

/* Not cacheable: the access phase may give another verdict than an earlier phase. */
static ngx_int_t add_variables(ngx_conf_t *cf)
{
    static const ngx_str_t names[] = {
        [VARIABLE_ENTITY] = ngx_string("esp_token_entity"),
        [VARIABLE_TIER] = ngx_string("esp_token_tier"),
        [VARIABLE_ID] = ngx_string("esp_token_id"),
        [VARIABLE_REASON] = ngx_string("esp_token_reason"),
    };
    for (uintptr_t i = 0; i < sizeof names / sizeof *names; i++) {
        ngx_str_t name = names[i];
        ngx_http_variable_t *variable = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (variable == NULL)
            return NGX_ERROR;
        variable->get_handler = get_variable;
        variable->data = i;
    }
    return NGX_OK;
}

/* nginx runs the handlers of a phase from the last to the first. */
static ngx_int_t add_handlers(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_array_t *handlers = &core->phases[NGX_HTTP_ACCESS_PHASE].handlers;
    ngx_http_handler_pt *added = ngx_array_push_n(handlers, 2);
    ngx_http_handler_pt *log = ngx_array_push(&core->phases[NGX_HTTP_LOG_PHASE].handlers);
    ngx_http_handler_pt *subrequest =
        ngx_array_push(&core->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (added == NULL || log == NULL || subrequest == NULL)
        return NGX_ERROR;
    *subrequest = esp_token_subrequest;
    *log = esp_token_log;
    ngx_http_handler_pt *all = handlers->elts;
    memmove(all + 1, all, (handlers->nelts - 2) * sizeof *all);
    all[0] = esp_token_access_end;
    all[handlers->nelts - 1] = esp_token_access;
    return NGX_OK;
}

static ngx_http_module_t context = {
    .preconfiguration = add_variables,
    .postconfiguration = add_handlers,
    .create_main_conf = create_main_conf,
    .create_loc_conf = create_conf,
    .merge_loc_conf = merge_conf,
};

ngx_module_t ngx_http_esp_token_module = {
    NGX_MODULE_V1,
    .ctx = &context,
    .commands = commands,
    .type = NGX_HTTP_MODULE,
};
