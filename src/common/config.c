/* SPDX-License-Identifier: ISC */
#include "common/config_setting.h"

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
#define OVERLAP_DEFAULT (INT64_C(30) * 24 * 3600)

static int set_store(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path(r, r->config->store, value, line, err);
}

static int set_tiers(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path(r, r->config->tiers, value, line, err);
}

static int set_public_key(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path(r, r->config->public_key, value, line, err);
}

static int set_secret_key(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path(r, r->config->secret_key, value, line, err);
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
    return config_set_span(r, "default_expiry", value, &r->config->default_expiry, line, err);
}

static int set_max_expiry(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_span(r, "max_expiry", value, &r->config->max_expiry, line, err);
}

static int set_max_overlap(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_span(r, "max_overlap", value, &r->config->max_overlap, line, err);
}

static int set_usage_folder(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path(r, r->config->usage, value, line, err);
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
    bool required, repeated;
} settings[] = {
    {"store", "path", set_store, true, false},
    {"store", "map_size", set_map_size, false, false},
    {"tiers", "path", set_tiers, true, false},
    {"tokens", "default_expiry", set_default_expiry, false, false},
    {"tokens", "max_expiry", set_max_expiry, false, false},
    {"tokens", "max_overlap", set_max_overlap, false, false},
    {"reveal", "public_key", set_public_key, false, false},
    {"reveal", "secret_key", set_secret_key, false, false},
    {"usage", "folder", set_usage_folder, false, false},
    {"usage", "tokens", set_usage_tokens, false, false},
    {"notify", "command", set_notify_command, false, false},
    {"notify", "stages", set_notify_stages, false, false},
    {"notify", "timeout", set_notify_timeout, false, false},
    {"portal", "listen", set_portal_listen, false, true},
    {"portal", "identity", set_portal_identity, false, false},
    {"portal", "peers", set_portal_peers, false, false},
    {"portal", "proxy_secret", set_portal_proxy_secret, false, false},
    {"portal", "reveal", set_portal_reveal, false, false},
    {"portal", "idle", set_portal_idle, false, false},
    {"portal", "session", set_portal_session, false, false},
    {"portal", "public_url", set_portal_public_url, false, false},
    {"portal", "tls_certificate", set_portal_tls_certificate, false, false},
    {"portal", "tls_key", set_portal_tls_key, false, false},
    {"portal", "user", set_portal_user, false, false},
    {"portal", "example_url", set_portal_example_url, false, false},
    {"fleet", "journal", set_fleet_journal, false, false},
    {"fleet", "settings", set_fleet_settings, false, false},
    {"fleet", "name", set_fleet_name, false, false},
    {"fleet", "key", set_fleet_key, false, false},
    {"fleet", "trust", set_fleet_trust, false, false},
    {"fleet", "max_age", set_fleet_max_age, false, false},
    {"fleet", "publish", set_fleet_publish, false, false},
};
#define SETTINGS (sizeof settings / sizeof *settings)
_Static_assert(SETTINGS <= 32, "one bit of `seen` for each");

static int unknown_key(const struct reading *r, const char *section, const char *key, int line,
                       struct espt_error *err)
{
    const char *before = " has ";
    char known[16];
    snprintf(known, sizeof known, "[%s]", section);
    int code = ini_unknown(err, r->file, line, "key", key, known);
    for (size_t i = 0; i < SETTINGS; i++) {
        if (strcmp(section, settings[i].section) != 0)
            continue;
        espt_add(err, "%s%s", before, settings[i].key);
        before = ", ";
    }
    return code;
}

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
        if ((r->seen & 1u << i) != 0 && !settings[i].repeated)
            return ini_fault(err, r->file, line, "%s is set twice; remove one of the lines", key);
        r->seen |= 1u << i;
        return settings[i].set(r, value, line, err);
    }
    if (!known)
        return ini_unknown(
            err, r->file, line, "section", section,
            "the sections are store, tiers, tokens, reveal, usage, notify, portal and fleet");
    return key == NULL ? 0 : unknown_key(r, section, key, line, err);
}

/* A section without keys counts as missing. */
static bool has_keys(const struct reading *r, const char *section)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if ((r->seen & 1u << i) != 0 && strcmp(settings[i].section, section) == 0)
            return true;
    }
    return false;
}

int config_absolute(char out[static PATH_MAX], const char *path, struct espt_error *err)
{
    size_t len = 0;
    if (path[0] != '/') {
        if (getcwd(out, PATH_MAX - 1) == NULL)
            return espt_fail(err, ESPT_UNUSABLE, "the working directory: %s; give an absolute path",
                             espt_errno_text(errno));
        len = strlen(out);
        out[len++] = '/';
    }
    if (strlen(path) >= PATH_MAX - len)
        return espt_fail(err, ESPT_UNUSABLE, "the config's path is too long; shorten it");
    memmove(out + len, path, strlen(path) + 1);
    return 0;
}

static void set_defaults(struct reading *r)
{
    r->config->map_size = MAP_SIZE_DEFAULT;
    r->config->default_expiry = EXPIRY_DEFAULT;
    r->config->max_overlap = OVERLAP_DEFAULT;
    r->config->wait.seconds = CONFIG_WAIT_DEFAULT;
    r->config->usage_tokens = USAGE_TOKENS_DEFAULT;
    notify_default(&r->config->notify);
    portal_defaults(r->portal);
}

static int parse(struct reading *r, const char *text, size_t len, struct espt_error *err)
{
    const char *path = r->file;
    set_defaults(r);
    int code = config_absolute(r->config->file, path, err);
    if (code == 0)
        code = set_public_key(r, "reveal.pub", 1, err);
    if (code == 0)
        code = set_secret_key(r, "reveal.key", 1, err);
    if (code == 0)
        code = ini_read(path, text, len, on_entry, r, err);
    for (size_t i = 0; code == 0 && i < SETTINGS; i++) {
        if (settings[i].required && (r->seen & 1u << i) == 0)
            code = ini_fault(err, path, 1, "[%s] %s is missing; add it", settings[i].section,
                             settings[i].key);
    }
    return code;
}

/* `ret_portal` NULL: the section [portal] is checked, and not kept. */
static int parse_all(struct config *ret_config, struct config_portal *ret_portal, const char *path,
                     const char *text, size_t len, struct espt_error *err)
{
    /* hosts have small stacks */
    struct config *config = calloc(1, sizeof *config);
    struct config_portal *portal = calloc(1, sizeof *portal);
    struct reading r = {.config = config, .portal = portal, .file = path};
    int code = config != NULL && portal != NULL ? parse(&r, text, len, err)
                                                : espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (code == 0 && ret_portal != NULL)
        code = portal_fits(portal, path, err);
    if (code == 0 && ret_portal != NULL)
        *ret_portal = *portal;
    if (code == 0 && has_keys(&r, "fleet"))
        code = fleet_complete(&r, err);
    if (code == 0) {
        config->portal = has_keys(&r, "portal");
        *ret_config = *config;
    }
    free(portal);
    free(config);
    return code;
}

int config_parse(struct config *ret_config, const char *path, const char *text, size_t len,
                 struct espt_error *err)
{
    return parse_all(ret_config, NULL, path, text, len, err);
}

static int load_on(struct trust_walk *walk, struct config *ret_config,
                   struct config_portal *ret_portal, const char *path, uid_t owner,
                   struct espt_error *err)
{
    char *text;
    size_t len;
    int fd;
    int code = trust_walk_open(walk, path, owner, TRUST_PUBLIC, &fd, err);
    if (code == 0) {
        code = trust_read_fd(fd, path, INI_FILE_MAX, &text, &len, err);
        close(fd);
    }
    if (code != 0 && trust_missing(path))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: there is no configuration; run 'esp-tokenctl init'", path);
    if (code != 0)
        return code;
    code = parse_all(ret_config, ret_portal, path, text, len, err);
    free(text);
    return code;
}

int config_load_portal(struct config *ret_config, struct config_portal *ret_portal,
                       const char *path, uid_t owner, struct espt_error *err)
{
    struct trust_walk *walk = trust_walk_new(err);
    int code =
        walk != NULL ? load_on(walk, ret_config, ret_portal, path, owner, err) : ESPT_UNUSABLE;
    trust_walk_free(walk);
    return code;
}

int config_load(struct config *ret_config, const char *path, uid_t owner, struct espt_error *err)
{
    return config_load_portal(ret_config, NULL, path, owner, err);
}

int config_load_on(struct trust_walk *walk, struct config *ret_config, const char *path,
                   uid_t owner, struct espt_error *err)
{
    return load_on(walk, ret_config, NULL, path, owner, err);
}
