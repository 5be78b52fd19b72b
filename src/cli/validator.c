/* SPDX-License-Identifier: ISC */
#include "cli/validator.h"

#include "build_config.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int validator_find(char ret_path[static VALIDATOR_PATH_MAX], struct espt_error *err)
{
    static const char *const places[] = {VALIDATOR_FILE, "../lib/esp-token/" VALIDATOR_FILE,
                                         ESPT_PLUGIN};
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return espt_fail(err, ESPT_UNUSABLE, "/proc/self/exe: %s; mount /proc", strerror(errno));
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const bool absolute = places[i][0] == '/';
        snprintf(ret_path, VALIDATOR_PATH_MAX, "%s%s%s", absolute ? "" : self, absolute ? "" : "/",
                 places[i]);
        if (access(ret_path, F_OK) == 0)
            return 0;
    }
    return espt_fail(err, ESPT_UNUSABLE,
                     VALIDATOR_FILE " is neither installed nor beside esp-tokenctl; reinstall");
}

int validator_load(const espt_validator **ret_validator, struct espt_error *err)
{
    char path[VALIDATOR_PATH_MAX];
    int code = validator_find(path, err);
    if (code != 0)
        return code;
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "the validator: %s", dlerror());
    const espt_validator *(*get)(uint32_t abi);
    *(void **)(void *)&get = dlsym(plugin, "espt_validator_get");
    *ret_validator = get != NULL ? get(ESPT_ABI) : NULL;
    return *ret_validator != NULL && (*ret_validator)->size >= sizeof **ret_validator
               ? 0
               : espt_fail(err, ESPT_UNUSABLE, "%s: not a validator of this version; reinstall",
                           path);
}
