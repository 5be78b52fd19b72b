/* SPDX-License-Identifier: ISC */
/* The section [fleet]. */
#include "common/config_setting.h"

#include "common/ini.h"

#include <string.h>

/* The kind names a file, esp_journal_KIND.so. */
int set_fleet_journal(struct reading *r, const char *value, int line, struct espt_error *err)
{
    const size_t len = strlen(value);
    if (len == 0 || len > FLEET_JOURNAL_MAX ||
        strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789") != len)
        return ini_fault(err, r->file, line, "journal is not the name of a plugin; write dir");
    memcpy(r->config->fleet_journal, value, len + 1);
    return 0;
}

int set_fleet_name(struct reading *r, const char *value, int line, struct espt_error *err)
{
    if (!entity_name_ok(value, strlen(value)))
        return ini_fault(err, r->file, line,
                         "name is not 1 to %d of A-Z a-z 0-9 . _ - that begin with a letter or a "
                         "digit; write the name of this site",
                         ENTITY_NAME_MAX);
    memcpy(r->config->fleet_name, value, strlen(value) + 1);
    return 0;
}

int set_fleet_settings(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path_in(r, r->config->fleet_settings, FLEET_PATH_MAX, value, line, err);
}

int set_fleet_key(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path_in(r, r->config->fleet_key, FLEET_PATH_MAX, value, line, err);
}

int set_fleet_trust(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path_in(r, r->config->fleet_trust, FLEET_PATH_MAX, value, line, err);
}

int set_fleet_publish(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path_in(r, r->config->fleet_publish, FLEET_PATH_MAX, value, line, err);
}

int set_fleet_max_age(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_span(r, "max_age", value, &r->config->fleet_max_age, line, err);
}

/* The defaults of [fleet], which has at least one key. */
int fleet_complete(struct reading *r, struct espt_error *err)
{
    const struct config *config = r->config;
    int code = 0;
    if (config->fleet_journal[0] == '\0' || config->fleet_name[0] == '\0')
        return ini_fault(err, r->file, 1, "[fleet] %s is missing; add it",
                         config->fleet_journal[0] == '\0' ? "journal" : "name");
    if (config->fleet_settings[0] == '\0')
        code = set_fleet_settings(r, "journal.conf", 1, err);
    if (code == 0 && config->fleet_key[0] == '\0')
        code = set_fleet_key(r, "site.key", 1, err);
    if (code == 0 && config->fleet_trust[0] == '\0')
        code = set_fleet_trust(r, "fleet.pub", 1, err);
    return code;
}
