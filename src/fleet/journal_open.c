/* SPDX-License-Identifier: ISC */
/* Loads the plugin of [fleet] journal, and opens the journal. */
#include "build_config.h"
#include "common/clock.h"
#include "common/trust.h"
#include "fleet/member.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS_MAX 65536
#define SAID 512

int journal_fail(struct espt_error *err, const char *said)
{
    return espt_fail(err, ESPT_UNUSABLE, "the fleet's journal: %s", said);
}

/* Beside this program, or in ../lib/esp-token relative to it, or where it was installed. */
static bool find_plugin(const char *kind, char ret_path[static PATH_MAX])
{
    static const char *const places[] = {"/", "/../lib/esp-token/"};
    char self[PATH_MAX];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    for (size_t i = 0; slash != NULL && i < sizeof places / sizeof *places; i++) {
        *slash = '\0';
        const int path =
            snprintf(ret_path, PATH_MAX, "%s%sesp_journal_%s.so", self, places[i], kind);
        if (path < PATH_MAX && access(ret_path, F_OK) == 0)
            return true;
    }
    const size_t folder = strlen(ESPT_PLUGIN) - strlen(strrchr(ESPT_PLUGIN, '/')) + 1;
    return snprintf(ret_path, PATH_MAX, "%.*sesp_journal_%s.so", (int)folder, ESPT_PLUGIN, kind) <
               PATH_MAX &&
           access(ret_path, F_OK) == 0;
}

static int load_plugin(struct fleet *fleet, struct espt_error *err)
{
    char path[PATH_MAX];
    const char *kind = fleet->config->fleet_journal;
    const espt_journal_plugin *(*get)(uint32_t abi) = NULL;
    if (!find_plugin(kind, path))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: [fleet] journal = %s: esp_journal_%s.so is not installed",
                         fleet->config->file, kind, kind);
    fleet->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (fleet->library == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "the journal's plugin: %s", dlerror());
    *(void **)(void *)&get = dlsym(fleet->library, "espt_journal_get");
    const espt_journal_plugin *plugin = get != NULL ? get(ESPT_JOURNAL_ABI) : NULL;
    if (plugin == NULL || plugin->size < sizeof *plugin || strcmp(plugin->kind, kind) != 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: no journal plugin of this version; install the one of this release",
                         path);
    fleet->plugin = plugin;
    return 0;
}

bool journal_in_time(const struct fleet *fleet)
{
    return fleet->until == 0 || monotonic_ms() < fleet->until;
}

/* What is left of the time of fleet_within() is the limit of the next call. */
static int limit(struct fleet *fleet, struct espt_error *err)
{
    const int64_t left = fleet->until - monotonic_ms();
    if (fleet->until == 0)
        return 0;
    if (left <= 0)
        return journal_fail(err, "it took too long");
    fleet->limit_ms = (uint32_t)left;
    if (fleet->journal != NULL && fleet->plugin->limit != NULL)
        fleet->plugin->limit(fleet->journal, fleet->limit_ms);
    return 0;
}

int journal_open(struct fleet *fleet, struct espt_error *err)
{
    const struct config *config = fleet->config;
    char *settings, said[SAID] = "";
    size_t len;
    int code = limit(fleet, err);
    if (fleet->journal != NULL || code != 0)
        return code;
    code = fleet->plugin == NULL ? load_plugin(fleet, err) : 0;
    if (code == 0)
        code = trust_read(config->fleet_settings, geteuid(), TRUST_SECRET, SETTINGS_MAX, &settings,
                          &len, err);
    if (code != 0)
        return code;
    int status = strlen(settings) == len
                     ? fleet->plugin->open(&fleet->journal, settings, config->fleet_name,
                                           fleet->pieces, fleet->limit_ms, said, sizeof said)
                     : ESPT_JOURNAL_FAILED;
    sodium_memzero(settings, len); /* it may hold a password */
    free(settings);
    if (status == ESPT_JOURNAL_DONE)
        return 0;
    fleet->journal = NULL;
    return espt_fail(err, ESPT_UNUSABLE, "%s: %s", config->fleet_settings,
                     said[0] != '\0' ? said : "the file holds a NUL byte");
}
