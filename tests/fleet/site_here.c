/* SPDX-License-Identifier: ISC */
#include "fleet/site_here.h"

#include "support/support.h"

#include <dlfcn.h>
#include <unistd.h>

void site_here_must(int code, const struct espt_error *err)
{
    ck_assert_msg(code == 0, "%d: %s", code, err->message);
}

void site_here_open(struct site_here *ret, const char *config)
{
    struct espt_error err;
    const espt_journal_plugin *(*get)(uint32_t abi);
    void *library = dlopen(OUT "/esp_journal_dir.so", RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    ck_assert_int_ge(sodium_init(), 0);
    site_here_must(config_load(&ret->config, config, geteuid(), &err), &err);
    site_here_must(store_open(&ret->store, &ret->config, &err), &err);
    site_here_must(fleet_new(&ret->fleet, &ret->config, 10000, &err), &err);
    *(void **)(void *)&get = dlsym(library, "espt_journal_get");
    ret->fleet->plugin = get(ESPT_JOURNAL_ABI);
    fleet_attach(ret->fleet, ret->store);
    site_here_must(key_load(ret->fleet, &err), &err);
    site_here_must(trust_load(&ret->config, &ret->trust, &err), &err);
}

void site_here_close(struct site_here *site)
{
    store_close(site->store);
    fleet_free(site->fleet);
}
