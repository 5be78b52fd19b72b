/*
 * What the parts of the module share.
 *
 *   ngx_http_esp_token_module.c   directives, how they are inherited, variables
 *   esp_token_open.c              one open validator for each pair of validator and config
 *   esp_token_present.c           the token that a request presents
 *   esp_token_access.c            the access phase: verdicts and answers
 */
#ifndef NGX_HTTP_ESP_TOKEN_H
#define NGX_HTTP_ESP_TOKEN_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <load.h>

extern ngx_module_t ngx_http_esp_token_module;

/* nginx opens modules with RTLD_GLOBAL: nothing of ours but the module shall be found there. */
#pragma GCC visibility push(hidden)

/* Opened while the configuration is read, closed with its pool. Workers inherit it. */
struct opened {
    ngx_str_t path, config; /* empty: the installed one */
    struct espt_loaded validator;
    espt_ctx *ctx;
    ngx_log_t *log; /* of the configuration while it is read, then NULL: the process's own */
};

enum source_kind { SOURCE_BEARER, SOURCE_BASIC, SOURCE_HEADER };

struct source {
    enum source_kind kind;
    ngx_str_t header; /* in lower case */
};

typedef struct {
    ngx_array_t opened; /* of struct opened * */
} esp_token_main_conf_t;

typedef struct {
    ngx_flag_t enabled;
    ngx_str_t validator, config;
    ngx_http_complex_value_t *metric, *entity;
    ngx_array_t *sources;  /* of struct source */
    struct opened *opened; /* where enabled */
} esp_token_conf_t;

/* NULL: it was logged why. */
struct opened *esp_token_open(ngx_conf_t *cf, esp_token_main_conf_t *main,
                              const ngx_str_t *validator, const ngx_str_t *config);

/* The longest Basic credentials that are looked at, encoded: a name and a token are far shorter. */
#define BASIC_MAX 1024

struct presented {
    const u_char *text;
    size_t len;
    u_char decoded[BASIC_MAX]; /* to be wiped */
};

/* 1, or 0 if nothing was presented. What is no token is presented too: as an empty text. */
int esp_token_present(ngx_http_request_t *r, const ngx_array_t *sources,
                      struct presented *ret_presented);

/* What was found of a request. It lives as long as the request does, over internal redirects too.
 */
struct verdict {
    int32_t status;     /* ESPT_UNSET: no token was presented */
    const char *reason; /* the validator's word for it, or "none" */
    char token_id[16];
    char entity[80], tier[64]; /* of a token that was allowed */
};

/* NULL: the request was not judged. */
const struct verdict *esp_token_verdict(ngx_http_request_t *r);

ngx_int_t esp_token_access(ngx_http_request_t *r);
/* The last handler of the phase. */
ngx_int_t esp_token_last_word(ngx_http_request_t *r);

#pragma GCC visibility pop
#endif
