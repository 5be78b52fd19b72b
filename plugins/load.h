/* SPDX-License-Identifier: ISC */
/*
 * Loads the validator plugin into an adapter written in C: dlopen at a path, look up the one
 * symbol, refuse another ABI. make writes paths.h, which defines ESPT_VALIDATOR_PATH: where `make
 * install` puts the plugin.
 *
 *     struct espt_loaded validator;
 *     if (!espt_load(&validator, path, err, sizeof err)) ...   err: one line for the host's log
 *     validator.v->open(...)
 *     espt_unload(&validator);                                 after close
 */
#ifndef ESPT_LOAD_H
#define ESPT_LOAD_H

#include "espt/validator.h"
#include "paths.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct espt_loaded {
    void *library;
    const espt_validator *v;
};

/* Returns 1; or 0 with a message in `err` and *ret zeroed. `path` NULL: the installed plugin. A
   path must be absolute, so that neither the working folder of a host nor its LD_LIBRARY_PATH can
   choose the file. */
static inline int espt_load(struct espt_loaded *ret, const char *path, char *err, size_t err_len)
{
    const espt_validator *(*get)(uint32_t abi) = NULL;
    memset(ret, 0, sizeof *ret);
    path = path != NULL ? path : ESPT_VALIDATOR_PATH;
    if (path[0] != '/') {
        snprintf(err, err_len, "%s: the validator's path must begin with /", path);
        return 0;
    }
    ret->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (ret->library == NULL) {
        snprintf(err, err_len, "cannot load the validator: %s", dlerror());
        return 0;
    }
    *(void **)(void *)&get = dlsym(ret->library, "espt_validator_get");
    ret->v = get != NULL ? get(ESPT_ABI) : NULL;
    if (ret->v != NULL && ret->v->size >= sizeof *ret->v)
        return 1;
    snprintf(err, err_len,
             "%s: no validator of ABI %u.%u; install the esp_validator.so of this release", path,
             ESPT_ABI >> 16, ESPT_ABI & 0xffffu);
    dlclose(ret->library);
    memset(ret, 0, sizeof *ret);
    return 0;
}

/* The plugin stays mapped (-z nodelete), so a host may call this after each login. */
static inline void espt_unload(struct espt_loaded *loaded)
{
    if (loaded->library != NULL)
        dlclose(loaded->library);
    memset(loaded, 0, sizeof *loaded);
}

#endif
