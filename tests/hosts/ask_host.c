/* SPDX-License-Identifier: ISC */
/* A host for twenty.sh: ask_host VALIDATOR CONFIG. Reads lines "FILE METRIC ENTITY", presents the
   text in FILE, and prints yes, no or unavailable. Each validation runs in a new thread, with the
   libc's default stack size. */
#include "load.h"

#include <pthread.h>
#include <stdlib.h>

static const espt_validator *v;
static espt_ctx *ctx;
static char token[8192], metric[256], entity[256];
static size_t token_len;

static void *ask(void *arg)
{
    espt_result *result = arg;
    espt_query query = {.size = sizeof query, .token = token, .token_len = token_len};
    query.metric = metric;
    query.metric_len = strlen(metric);
    query.entity = entity;
    query.entity_len = strlen(entity);
    v->validate(ctx, &query, result);
    return NULL;
}

static void answer(const char *path)
{
    espt_result result = {.size = sizeof result};
    pthread_t thread;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        exit(2);
    token_len = fread(token, 1, sizeof token, file);
    fclose(file);
    if (token_len > 0 && token[token_len - 1] == '\n')
        token_len--;
    if (pthread_create(&thread, NULL, ask, &result) != 0 || pthread_join(thread, NULL) != 0)
        exit(2);
    fprintf(stderr, "token %s: %s (%s)\n", result.token_id, v->reason(result.status),
            result.detail);
    puts(result.status == ESPT_ALLOW ? "yes" : result.status >= 64 ? "unavailable" : "no");
}

int main(int argc, char **argv)
{
    char err[256] = "Usage: ask_host VALIDATOR CONFIG", path[1024];
    struct espt_loaded loaded = {0};
    if (argc != 3 || !espt_load(&loaded, argv[1], err, sizeof err) ||
        !loaded.v->open(&ctx, argv[2], NULL, NULL, err, sizeof err))
        return fprintf(stderr, "%s\n", err), 2;
    v = loaded.v;
    while (scanf("%1023s %255s %255s", path, metric, entity) == 3) {
        answer(path);
        fflush(stdout);
    }
    v->close(ctx);
    espt_unload(&loaded);
    return 0;
}
