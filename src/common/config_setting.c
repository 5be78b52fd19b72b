/* SPDX-License-Identifier: ISC */
#include "common/config_setting.h"

#include "common/ini.h"
#include "common/when.h"

#include <stdio.h>
#include <string.h>

int config_set_path_in(struct reading *r, char *out, size_t size, const char *value, int line,
                       struct espt_error *err)
{
    const char *file = r->config->file;
    const int folder = value[0] == '/' ? 0 : (int)(strrchr(file, '/') - file) + 1;
    int len = snprintf(out, size, "%.*s%s", folder, file, value);
    if (value[0] == '\0')
        return ini_fault(err, r->file, line, "the path is empty; name one");
    if (len < 0 || (size_t)len >= size)
        return ini_fault(err, r->file, line, "the path is too long; shorten it");
    return 0;
}

int config_set_path(struct reading *r, char *out, const char *value, int line,
                    struct espt_error *err)
{
    return config_set_path_in(r, out, PATH_MAX, value, line, err);
}

int config_set_span(struct reading *r, const char *key, const char *value, int64_t *ret_seconds,
                    int line, struct espt_error *err)
{
    if (strcmp(value, "never") == 0)
        *ret_seconds = 0;
    else if (!span_parse(value, ret_seconds))
        return ini_fault(err, r->file, line, "%s is neither never nor a span; write 365d", key);
    return 0;
}
