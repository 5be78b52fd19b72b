/* SPDX-License-Identifier: ISC */
/* The shortest host: may the token on standard input read kpi.peak_audience?
   cc host.c -o host $(pkg-config --cflags --libs esp-validator) */
#include <dlfcn.h>
#include <espt/validator.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char token[64], err[256] = "Usage: host VALIDATOR.so CONFIG <TOKEN";
    espt_ctx *ctx;
    void *plugin = argc > 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    const espt_validator *(*get)(uint32_t) = NULL;
    if (plugin != NULL)
        *(void **)(void *)&get = dlsym(plugin, "espt_validator_get");
    const espt_validator *v = get != NULL ? get(ESPT_ABI) : NULL;
    if (v == NULL || !v->open(&ctx, argv[2], NULL, NULL, err, sizeof err))
        return fprintf(stderr, "%s\n", err), 2;
    espt_query q = {.size = sizeof q, .token = token, .metric = "kpi.peak_audience"};
    espt_result r = {.size = sizeof r};
    q.token_len = fread(token, 1, 54, stdin);
    q.metric_len = sizeof "kpi.peak_audience" - 1;
    int allowed = v->validate(ctx, &q, &r);
    printf("%s: %s of %s\n", v->reason(r.status), r.token_id, r.entity);
    v->close(ctx);
    return !allowed;
}
