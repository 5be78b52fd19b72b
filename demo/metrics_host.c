/* SPDX-License-Identifier: ISC */
/*
 * A small real host: an HTTP server on loopback that loads the validator as any host would, and
 * serves sample analytics metrics to clients whose token allows them.
 *
 *     metrics_host VALIDATOR.so CONFIG
 *     GET /metrics/METRIC                  the token's own entity
 *     GET /entities/NAME/metrics/METRIC    that entity
 *
 * Answers follow RFC 6750. The log has verdicts and token ids, never a token's text.
 */
#include "espt/validator.h"

#include <dlfcn.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct host {
    const espt_validator *validator;
    espt_ctx *ctx;
};

struct question {
    const char *token, *metric, *entity;
    size_t entity_len;
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, json_t *body)
{
    char *text = json_dumps(body, JSON_INDENT(2));
    json_decref(body);
    if (text == NULL)
        return MHD_NO;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, "Content-Type", "application/json");
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate",
                                "Bearer realm=\"analytics\", error=\"invalid_token\"");
    if (status == MHD_HTTP_FORBIDDEN)
        MHD_add_response_header(response, "WWW-Authenticate",
                                "Bearer realm=\"analytics\", error=\"insufficient_scope\"");
    enum MHD_Result done = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return done;
}

static unsigned http_status(int32_t status)
{
    switch (status) {
    case ESPT_ALLOW:
        return MHD_HTTP_OK;
    case ESPT_DENY_METRIC:
    case ESPT_DENY_ENTITY:
        return MHD_HTTP_FORBIDDEN;
    case ESPT_ERR_UNAVAILABLE:
    case ESPT_ERR_CORRUPT:
    case ESPT_ERR_USAGE:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_UNAUTHORIZED;
    }
}

/* Reads `Authorization: Bearer TOKEN` or `X-API-KEY: TOKEN`; "" if neither was sent. */
static const char *presented_token(struct MHD_Connection *connection)
{
    static const char scheme[] = "Bearer ";
    const char *key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-API-KEY");
    const char *bearer =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    if (bearer != NULL && strncmp(bearer, scheme, sizeof scheme - 1) == 0)
        return bearer + sizeof scheme - 1;
    return key != NULL ? key : "";
}

static int parse_path(const char *path, struct question *question)
{
    static const char entities[] = "/entities/", metrics[] = "/metrics/";
    if (strncmp(path, entities, sizeof entities - 1) == 0) {
        question->entity = path + sizeof entities - 1;
        question->entity_len = strcspn(question->entity, "/");
        path = question->entity + question->entity_len;
    }
    if (strncmp(path, metrics, sizeof metrics - 1) != 0)
        return 0;
    question->metric = path + sizeof metrics - 1;
    return 1;
}

/* Sample figures; the platform's back end would fetch real ones here. */
static json_t *sample(const struct question *question, const espt_result *result)
{
    unsigned long figure = 5381;
    for (const char *c = question->metric; *c != '\0'; c++)
        figure = figure * 33 + (unsigned char)*c;
    json_t *entity = question->entity != NULL ? json_stringn(question->entity, question->entity_len)
                                              : json_string(result->entity);
    return json_pack("{s:s, s:o, s:s, s:i, s:b}", "metric", question->metric, "entity", entity,
                     "tier", result->tier, "value", (int)(figure % 100000), "sample", 1);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct host *host = arg;
    struct question question = {.token = presented_token(connection)};
    (void)version, (void)upload, (void)upload_size, (void)state;
    if (strcmp(method, "GET") != 0)
        return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                     json_pack("{s:s}", "error", "GET only"));
    if (!parse_path(url, &question))
        return reply(connection, MHD_HTTP_NOT_FOUND, json_pack("{s:s}", "error", "no such path"));

    espt_query query = {.size = sizeof query};
    espt_result result = {.size = sizeof result};
    query.token = question.token;
    query.token_len = strlen(question.token);
    query.metric = question.metric;
    query.metric_len = strlen(question.metric);
    query.entity = question.entity;
    query.entity_len = question.entity_len;
    host->validator->validate(host->ctx, &query, &result);

    fprintf(stderr, "token %s: %s (%s)\n", result.token_id[0] != '\0' ? result.token_id : "-",
            host->validator->reason(result.status), result.detail);
    if (result.status == ESPT_ALLOW)
        return reply(connection, MHD_HTTP_OK, sample(&question, &result));
    return reply(connection, http_status(result.status),
                 json_pack("{s:s}", "error", host->validator->reason(result.status)));
}

static void on_log(void *arg, int level, const char *message, size_t len)
{
    (void)arg;
    fprintf(stderr, "validator (%d): %.*s\n", level, (int)len, message);
}

static int load(struct host *host, const char *path, const char *config)
{
    char err[512] = "";
    const espt_validator *(*get)(uint32_t abi);
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
    *(void **)(void *)&get = dlsym(plugin, "espt_validator_get");
    host->validator = get != NULL ? get(ESPT_ABI) : NULL;
    if (host->validator == NULL) {
        fprintf(stderr, "%s: not a validator of this ABI\n", path);
        return 0;
    }
    if (!host->validator->open(&host->ctx, config, on_log, NULL, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct host host = {0};
    if (argc != 3) {
        fputs("Usage: metrics_host VALIDATOR.so CONFIG\n", stderr);
        return 2;
    }
    if (!load(&host, argv[1], argv[2]))
        return 1;

    sigset_t ends;
    int signal_number;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL); /* so that every thread blocks them */

    struct sockaddr_in loopback = {.sin_family = AF_INET};
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, &host, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&loopback, MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        daemon != NULL ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (info == NULL) {
        fputs("cannot listen on loopback\n", stderr);
        return 1;
    }
    printf("listening on http://127.0.0.1:%u\n", info->port);
    fflush(stdout);
    sigwait(&ends, &signal_number);
    MHD_stop_daemon(daemon);
    host.validator->close(host.ctx);
    return 0;
}
