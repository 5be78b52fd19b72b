#include "common/config.h"

#include "common/ini.h"
#include "common/trust.h"
#include "common/usage.h"
#include "common/when.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAP_SIZE_DEFAULT (UINT64_C(16) << 30)
#define MAP_SIZE_MIN (UINT64_C(1) << 20)
#define MAP_SIZE_MAX (UINT64_C(1) << 40)
#define EXPIRY_DEFAULT (INT64_C(365) * 24 * 3600)

struct reading {
    struct config *config;
    const char *file; /* as named, for messages */
    unsigned seen;    /* settings, as bits */
};

static int set_path(struct reading *r, char *out, const char *value, int line,
                    struct espt_error *err)
{
    const char *file = r->config->file;
    const int folder = value[0] == '/' ? 0 : (int)(strrchr(file, '/') - file) + 1;
    int len = snprintf(out, PATH_MAX, "%.*s%s", folder, file, value);
    if (value[0] == '\0')
        return ini_fault(err, r->file, line, "the path is empty; name one");
    if (len < 0 || len >= PATH_MAX)
        return ini_fault(err, r->file, line, "the path is too long; shorten it");
    return 0;
}

static int set_store(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_path(r, r->config->store, value, line, err);
}

static int set_tiers(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_path(r, r->config->tiers, value, line, err);
}

static int set_public_key(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_path(r, r->config->public_key, value, line, err);
}

static int set_secret_key(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_path(r, r->config->secret_key, value, line, err);
}

static int set_map_size(struct reading *r, const char *value, int line, struct espt_error *err)
{
    static const char units[] = "KMGT";
    size_t digits = strspn(value, "0123456789");
    const char *unit = value[digits] != '\0' ? strchr(units, value[digits]) : NULL;
    uint64_t size = 0;
    if (digits > 0 && digits < 14 && unit != NULL && value[digits + 1] == '\0') {
        for (size_t i = 0; i < digits; i++)
            size = size * 10 + (uint64_t)(value[i] - '0');
        if (__builtin_mul_overflow(size, UINT64_C(1) << (10 * (unit - units + 1)), &size))
            size = 0;
    }
    if (size < MAP_SIZE_MIN || size > MAP_SIZE_MAX)
        return ini_fault(err, r->file, line,
                         "map_size is not a number with K, M, G or T from 1M to 1T; write 16G");
    r->config->map_size = size;
    return 0;
}

static int set_default_expiry(struct reading *r, const char *value, int line,
                              struct espt_error *err)
{
    if (strcmp(value, "never") == 0)
        r->config->default_expiry = 0;
    else if (!span_parse(value, &r->config->default_expiry))
        return ini_fault(err, r->file, line,
                         "default_expiry is neither never nor a span; write 365d");
    return 0;
}

static int set_usage_folder(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_path(r, r->config->usage, value, line, err);
}

static int set_usage_tokens(struct reading *r, const char *value, int line, struct espt_error *err)
{
    const size_t digits = strspn(value, "0123456789");
    unsigned long tokens = 0;
    if (digits > 0 && digits < 10 && value[digits] == '\0')
        tokens = strtoul(value, NULL, 10);
    if (tokens < USAGE_TOKENS_MIN || tokens > USAGE_TOKENS_MAX)
        return ini_fault(err, r->file, line, "tokens is not a number from %d to %d; write %d",
                         USAGE_TOKENS_MIN, USAGE_TOKENS_MAX, USAGE_TOKENS_DEFAULT);
    r->config->usage_tokens = (uint32_t)tokens;
    return 0;
}

static const struct setting {
    const char *section, *key;
    int (*set)(struct reading *r, const char *value, int line, struct espt_error *err);
    bool required;
} settings[] = {
    {"store", "path", set_store, true},
    {"store", "map_size", set_map_size, false},
    {"tiers", "path", set_tiers, true},
    {"tokens", "default_expiry", set_default_expiry, false},
    {"reveal", "public_key", set_public_key, false},
    {"reveal", "secret_key", set_secret_key, false},
    {"usage", "folder", set_usage_folder, false},
    {"usage", "tokens", set_usage_tokens, false},
};
#define SETTINGS (sizeof settings / sizeof *settings)

static int on_entry(void *arg, const char *section, const char *key, const char *value, int line,
                    struct espt_error *err)
{
    struct reading *r = arg;
    bool known = false;
    for (size_t i = 0; i < SETTINGS; i++) {
        if (strcmp(section, settings[i].section) != 0)
            continue;
        known = true;
        if (key == NULL || strcmp(key, settings[i].key) != 0)
            continue;
        if ((r->seen & 1u << i) != 0)
            return ini_fault(err, r->file, line, "%s is repeated; keep one", key);
        r->seen |= 1u << i;
        return settings[i].set(r, value, line, err);
    }
    if (!known)
        return ini_fault(err, r->file, line,
                         "unknown section; there are store, tiers, tokens, reveal and usage");
    return key == NULL ? 0
                       : ini_fault(err, r->file, line,
                                   "unknown key in [%s]; remove it or correct it", section);
}

int config_absolute(char out[static PATH_MAX], const char *path, struct espt_error *err)
{
    char here[PATH_MAX] = "";
    if (path[0] != '/' && getcwd(here, sizeof here - 1) == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "the working directory: %s; give an absolute path",
                         strerror(errno));
    int len = snprintf(out, PATH_MAX, "%s%s%s", here, path[0] != '/' ? "/" : "", path);
    if (len < 0 || len >= PATH_MAX)
        return espt_fail(err, ESPT_UNUSABLE, "the config's path is too long; shorten it");
    return 0;
}

int config_parse(struct config *ret_config, const char *path, const char *text, size_t len,
                 struct espt_error *err)
{
    struct config config = {
        .map_size = MAP_SIZE_DEFAULT,
        .default_expiry = EXPIRY_DEFAULT,
        .wait.seconds = CONFIG_WAIT_DEFAULT,
        .usage_tokens = USAGE_TOKENS_DEFAULT,
    };
    struct reading r = {.config = &config, .file = path};
    int code = config_absolute(config.file, path, err);
    if (code == 0)
        code = set_public_key(&r, "reveal.pub", 1, err);
    if (code == 0)
        code = set_secret_key(&r, "reveal.key", 1, err);
    if (code == 0)
        code = ini_read(path, text, len, on_entry, &r, err);
    for (size_t i = 0; code == 0 && i < SETTINGS; i++) {
        if (settings[i].required && (r.seen & 1u << i) == 0)
            code = ini_fault(err, path, 1, "[%s] %s is missing; add it", settings[i].section,
                             settings[i].key);
    }
    if (code == 0)
        *ret_config = config;
    return code;
}

int config_load(struct config *ret_config, const char *path, uid_t owner, struct espt_error *err)
{
    char *text;
    size_t len;
    int code = trust_read(path, owner, TRUST_PUBLIC, INI_FILE_MAX, &text, &len, err);
    if (code != 0 && trust_missing(path))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: there is no configuration; make it by esp-tokenctl init", path);
    if (code != 0)
        return code;
    code = config_parse(ret_config, path, text, len, err);
    free(text);
    return code;
}
