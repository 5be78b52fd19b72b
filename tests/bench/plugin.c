/* SPDX-License-Identifier: ISC */
/* Back end: the real validator, loaded by dlopen. */
#include "bench/bench.h"

#include <dlfcn.h>

#define METRIC "asn.peak_audience" /* of the highest tier, so that every pattern is tried */

void plugin_open(struct plugin *ret_plugin, const struct corpus *corpus)
{
    static const espt_validator *table;
    char err[512];
    if (table == NULL) {
        void *library = dlopen(OUT "/esp_validator.so", RTLD_NOW | RTLD_LOCAL);
        if (library == NULL)
            die("%s", dlerror());
        const espt_validator *(*get)(uint32_t);
        *(void **)&get = dlsym(library, "espt_validator_get");
        table = get != NULL ? get(ESPT_ABI) : NULL;
        if (table == NULL)
            die("not a validator");
    }
    *ret_plugin = (struct plugin){.table = table};
    if (!table->open(&ret_plugin->ctx, corpus->path, NULL, NULL, err, sizeof err))
        die("%s", err);
    if (!plugin_validate(ret_plugin, corpus->text[0], TOKEN_TEXT_LEN))
        die("the first token is denied: %s", ret_plugin->allowed.detail);
}

static int ask(struct plugin *plugin, const char *text, size_t len)
{
    const espt_query query = {.size = sizeof query, .token = text, .token_len = len};
    plugin->allowed.size = sizeof plugin->allowed;
    plugin->table->validate(plugin->ctx, &query, &plugin->allowed);
    return plugin->allowed.status;
}

bool plugin_validate(void *plugin, const char *text, size_t len)
{
    return ask(plugin, text, len) == ESPT_ALLOW;
}

bool plugin_refuses(void *plugin, const char *text, size_t len)
{
    return ask(plugin, text, len) == ESPT_DENY_MALFORMED;
}

bool plugin_allows(void *arg, const char *text, size_t len)
{
    const struct plugin *plugin = arg;
    (void)text, (void)len;
    return plugin->table->allows(plugin->ctx, &plugin->allowed, METRIC, sizeof METRIC - 1) == 1;
}

void plugin_close(struct plugin *plugin)
{
    plugin->table->close(plugin->ctx);
    plugin->ctx = NULL;
}
