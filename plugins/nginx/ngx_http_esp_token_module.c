/* nginx admits requests by esp_validator.so: the directives, how they are inherited, the variables.
   README.md is their manual. */
#include "esp_token.h"

static char *set_sources(ngx_conf_t *cf, ngx_command_t *command, void *data);

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
    ngx_null_command,
};

static const char authorization[] = "authorization";

/* "bearer", "basic", or a header's name. */
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
                               "\"%V\" takes bearer, basic or names of headers, not \"%V\"",
                               &command->name, &words[i]);
            return NGX_CONF_ERROR;
        }
    }
    return conf->sources != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static ngx_array_t *usual_sources(ngx_conf_t *cf)
{
    static const struct source usual[] = {
        {SOURCE_BEARER, ngx_string("authorization")},
        {SOURCE_HEADER, ngx_string("x-api-key")},
        {SOURCE_BASIC, ngx_string("authorization")},
    };
    ngx_array_t *sources = ngx_array_create(cf->pool, 3, sizeof(struct source));
    if (sources != NULL)
        memcpy(ngx_array_push_n(sources, 3), usual, sizeof usual);
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
    return conf;
}

/* Relative paths are relative to nginx.conf's folder. */
static int complete(ngx_conf_t *cf, ngx_str_t *path)
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
    if (!inner->enabled)
        return NGX_CONF_OK;
    if (inner->sources == NULL)
        inner->sources = usual_sources(cf);
    if (inner->sources == NULL || !complete(cf, &inner->validator) || !complete(cf, &inner->config))
        return NGX_CONF_ERROR;
    inner->opened =
        esp_token_open(cf, ngx_http_conf_get_module_main_conf(cf, ngx_http_esp_token_module),
                       &inner->validator, &inner->config);
    return inner->opened != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}

enum { VARIABLE_ENTITY, VARIABLE_TIER, VARIABLE_ID, VARIABLE_REASON };

/* Nothing but the access phase fills a verdict: no client can. */
static ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *ret_value,
                              uintptr_t which)
{
    const struct verdict *verdict = esp_token_verdict(r);
    const char *text = "";
    if (verdict != NULL)
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

/* Not cacheable: a variable that was asked for before the access phase is asked for again. */
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
    if (added == NULL)
        return NGX_ERROR;
    ngx_http_handler_pt *all = handlers->elts;
    memmove(all + 1, all, (handlers->nelts - 2) * sizeof *all);
    all[0] = esp_token_last_word;
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
