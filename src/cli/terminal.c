/* SPDX-License-Identifier: ISC */
/* Output at a terminal: colours, and times as a distance from now. */
#include "cli/output.h"

#include "common/when.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)
#define AWAY_MAX (30 * DAY)

static bool utf8_asked;

/* In another character set, libsmartcols 2.38 loops for ever on a letter beyond ASCII. */
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

bool at_terminal(const FILE *out)
{
    return isatty(out == stderr ? STDERR_FILENO : STDOUT_FILENO);
}

bool in_colour(const FILE *out)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    const char *force = getenv("CLICOLOR_FORCE");
    const bool forced = force != NULL && force[0] != '\0' && strcmp(force, "0") != 0;
    if (forced)
        return none == NULL || none[0] == '\0';
    return at_terminal(out) && (none == NULL || none[0] == '\0') && term != NULL &&
           term[0] != '\0' && strcmp(term, "dumb") != 0;
}

const char *colour_begin(const FILE *out, enum colour colour)
{
    return in_colour(out) ? colour_sequence(colour) : "";
}

const char *colour_end(const FILE *out)
{
    return in_colour(out) ? COLOUR_END : "";
}

size_t terminal_columns(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const unsigned long asked = columns != NULL ? strtoul(columns, NULL, 10) : 0;
    return asked > 0 && asked < 10000 ? asked : 80;
}

/* --- characters --- */

/* The next character. `columns` 0: it is drawn over the one before. */
struct character {
    size_t bytes, columns;
    bool shows; /* the terminal can draw it */
};

static struct character character_at(const char *text)
{
    wchar_t wide;
    if (*text >= ' ' && *text <= '~') /* a fast path: most characters are ASCII */
        return (struct character){.bytes = 1, .columns = 1, .shows = true};
    const size_t bytes = mbrtowc(&wide, text, strnlen(text, MB_LEN_MAX), &(mbstate_t){0});
    if (bytes == 0 || bytes > MB_LEN_MAX)
        return (struct character){.bytes = 1, .columns = 1};
    const int columns = wcwidth(wide);
    if (columns < 0)
        return (struct character){.bytes = bytes, .columns = 1};
    return (struct character){.bytes = bytes, .columns = (size_t)columns, .shows = true};
}

size_t text_columns(const char *text)
{
    size_t columns = 0;
    while (*text != '\0') {
        const struct character character = character_at(text);
        columns += character.columns;
        text += character.bytes;
    }
    return columns;
}

char *text_cut(const char *text, size_t columns)
{
    const bool is_cut = text_columns(text) > columns;
    const char *mark = !is_cut ? "" : in_utf8() ? "…" : "~";
    char *cut = malloc(strlen(text) + strlen(mark) + 1), *end = cut;
    if (cut == NULL)
        return NULL;
    for (size_t used = is_cut; *text != '\0';) {
        const struct character character = character_at(text);
        used += character.columns;
        if (used > columns)
            break;
        end = character.shows ? mempcpy(end, text, character.bytes) : mempcpy(end, "?", 1);
        text += character.bytes;
    }
    memcpy(end, mark, strlen(mark) + 1);
    return cut;
}

/* --- times --- */

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
