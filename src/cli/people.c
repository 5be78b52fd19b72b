/* What suits a person at a terminal: colours, and times as far from now. */
#include "cli/output.h"

#include "common/when.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)
#define AWAY_MAX (30 * DAY)

static bool utf8_asked;

/* In another character set libsmartcols 2.38 stumbles on every letter beyond ASCII, and never ends.
 */
void characters_begin(void)
{
    utf8_asked = setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!utf8_asked)
        setlocale(LC_CTYPE, "C.UTF-8");
}

bool in_utf8(void)
{
    return utf8_asked;
}

const char *path_seen(const char *path, char out[static PATH_MAX])
{
    espt_fit(out, PATH_MAX, path);
    espt_printable(out);
    return out;
}

bool at_terminal(FILE *out)
{
    return isatty(fileno(out));
}

bool in_colour(FILE *out)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    return at_terminal(out) && (none == NULL || none[0] == '\0') && term != NULL &&
           term[0] != '\0' && strcmp(term, "dumb") != 0;
}

const char *status_colour(const char *status)
{
    if (strcmp(status, "active") == 0)
        return "green";
    if (strcmp(status, "retiring") == 0)
        return "brown";
    return "red";
}

const char *colour_sequence(const char *colour)
{
    if (strcmp(colour, "green") == 0)
        return "\033[32m";
    return strcmp(colour, "brown") == 0 ? "\033[33m" : "\033[31m";
}

bool when_away(int64_t when, int64_t now, char out[static WHEN_AWAY_SIZE])
{
    const bool ahead = when > now;
    const int64_t seconds = ahead ? when - now : now - when;
    const int64_t unit = seconds < HOUR ? 60 : seconds < 2 * DAY ? HOUR : DAY;
    const char *name = unit == 60 ? "min" : unit == HOUR ? "hour" : "day";
    const long long count = (seconds + unit / 2) / unit;
    if (seconds > AWAY_MAX)
        return false;
    if (seconds < 60)
        snprintf(out, WHEN_AWAY_SIZE, "now");
    else
        snprintf(out, WHEN_AWAY_SIZE, "%s%lld %s%s%s", ahead ? "in " : "", count, name,
                 unit > 60 && count != 1 ? "s" : "", ahead ? "" : " ago");
    return true;
}

void when_cell(int64_t when, int64_t now, char out[static WHEN_AWAY_SIZE])
{
    char text[WHEN_TEXT_SIZE] = "never";
    if (when != WHEN_NEVER && at_terminal(stdout) && when_away(when, now, out))
        return;
    if (when != WHEN_NEVER)
        when_format(when, text);
    if (when != WHEN_NEVER && at_terminal(stdout))
        text[strlen("2026-01-02")] = '\0';
    snprintf(out, WHEN_AWAY_SIZE, "%s", text);
}
