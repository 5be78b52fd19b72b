/* SPDX-License-Identifier: ISC */
#include "journal/settings.h"

#include <string.h>

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

static const char *trim_end(const char *begin, const char *end)
{
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return end;
}

static bool copy(char *out, size_t max, const char *begin, const char *end)
{
    const size_t len = (size_t)(end - begin);
    if (len == 0 || len > max)
        return false;
    memcpy(out, begin, len);
    out[len] = '\0';
    return true;
}

static bool parse(const char *begin, const char *end, struct setting *ret)
{
    const char *equals = memchr(begin, '=', (size_t)(end - begin));
    return equals != NULL && copy(ret->key, SETTING_KEY_MAX, begin, trim_end(begin, equals)) &&
           copy(ret->value, SETTING_VALUE_MAX, skip_blanks(equals + 1, end), end);
}

int setting_next(const char **at, struct setting *ret)
{
    while (**at != '\0') {
        const char *line_end = strchrnul(*at, '\n');
        const char *begin = skip_blanks(*at, line_end), *end = trim_end(begin, line_end);
        *at = *line_end == '\n' ? line_end + 1 : line_end;
        ret->line++;
        if (begin == end || *begin == ';' || *begin == '#')
            continue;
        ret->key[0] = ret->value[0] = '\0';
        if (parse(begin, end, ret))
            return 1;
        ret->key[0] = ret->value[0] = '\0';
        return -1;
    }
    return 0;
}
