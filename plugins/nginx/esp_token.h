/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the module share.
 *
 *   ngx_http_esp_token_module.c   directives, their inheritance, variables
 *   esp_token_open.c              one open validator for each pair of validator and configuration
 *   esp_token_present.c           the token that a request presents
 *   esp_token_status.c            what a status means to HTTP and to the error log
 *   esp_token_verdict.c           asks the validator, and stores the verdict of a request
 *   esp_token_recheck.c           validates long requests again, and ends them
 *   esp_token_access.c            the access phase: answers to refused requests
 */
#ifndef NGX_HTTP_ESP_TOKEN_H
#define NGX_HTTP_ESP_TOKEN_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <load.h>

extern ngx_module_t ngx_http_esp_token_module;

/* nginx opens modules with RTLD_GLOBAL. Only the module itself may be visible to others. */
#pragma GCC visibility push(hidden)

/* Opened while nginx reads its configuration, closed with the pool of the configuration. Workers
   inherit it. */
struct opened {
    ngx_str_t path, config; /* empty: the installed one */
    struct espt_loaded validator;
    espt_ctx *ctx;
    ngx_log_t
        *log; /* while the configuration is read: its log. Then NULL: the log of the process */
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
    ngx_array_t *sources; /* of struct source */
    ngx_msec_t recheck;
    struct opened *opened; /* NULL if not enabled */
    unsigned warned : 1;   /* this worker has logged that `return` answers here */
} esp_token_conf_t;

/* NULL on error; the reason is in the log. */
struct opened *esp_token_open(ngx_conf_t *cf, esp_token_main_conf_t *main,
                              const ngx_str_t *validator, const ngx_str_t *config);

/* The longest encoded Basic credentials that are decoded. A name and a token are much shorter. */
#define BASIC_MAX 1024

struct presented {
    const u_char *text;
    size_t len;
    u_char decoded[BASIC_MAX]; /* the caller wipes it */
};

/* Returns 1 if the request presents a token, else 0. A malformed header counts as a presented token
   with an empty text. */
int esp_token_present(ngx_http_request_t *r, const ngx_array_t *sources,
                      struct presented *ret_presented);

/* The longest token text, also of foreign tokens that a store may hold. */
#define TOKEN_MAX 256

/* The verdict of a request. It lives as long as the request, also across internal redirects. */
struct verdict {
    ngx_http_request_t *request;
    const esp_token_conf_t *conf;   /* of the location that was checked; NULL: none yet */
    ngx_str_t metric, entity_asked; /* what was asked for; data NULL: any metric, the own entity */
    ngx_msec_t reached;             /* ngx_current_msec */
    unsigned subrequest : 1;        /* the verdict is that of a subrequest */
    unsigned evaluating : 1;        /* the directives' variables are being evaluated */
    int32_t status;                 /* ESPT_UNSET: no token was presented */
    const char *reason;             /* the validator's word for the status, or "none" */
    char token_id[16];
    char entity[80], tier[64]; /* empty unless the token was allowed */

    /* Filled if the token was allowed: needed to validate again. */
    char token[TOKEN_MAX];
    size_t token_len;
    ngx_event_t timer;
    ngx_msec_t confirmed; /* when the token was last known to be allowed */
};

/* NULL: the request was not checked. */
struct verdict *esp_token_verdict(ngx_http_request_t *r);

/* Checks the request by its location's configuration. `early`: before the access phase; then no
   variable keeps a value that was evaluated for this. An earlier verdict is returned if time,
   location, metric and entity are the same. NULL: out of memory, or a variable failed. */
struct verdict *esp_token_validate(ngx_http_request_t *r, const esp_token_conf_t *conf, int early);

/* Validates the verdict's token again, for the same metric and entity. */
void esp_token_validate_again(const struct verdict *verdict, espt_result *ret_result);

/* The validator could not decide. */
int esp_token_undecided(int32_t status);

/* The level of a refusal in the error log. */
ngx_uint_t esp_token_log_level(int32_t status);

/* The HTTP status for a refusal. */
ngx_int_t esp_token_http_status(int32_t status);

/* From now on the admitted request is validated again every `esp_token_recheck`, until it ends or
   is validated for another location. */
void esp_token_watch(struct verdict *verdict);

/* Handlers of the access phase: esp_token_access() runs first, esp_token_access_end() last. */
ngx_int_t esp_token_access(ngx_http_request_t *r);
ngx_int_t esp_token_access_end(ngx_http_request_t *r);
/* Handler of the phase before it, for subrequests. */
ngx_int_t esp_token_subrequest(ngx_http_request_t *r);
/* Handler of the log phase. */
ngx_int_t esp_token_log(ngx_http_request_t *r);

#pragma GCC visibility pop
#endif
