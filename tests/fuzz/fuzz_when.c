/* SPDX-License-Identifier: ISC */
/*
 * WHEN is accepted exactly if a second parser accepts it, and gives the same time. The second
 * parser uses the C library's regular expressions and calendar. The first eight bytes of an input
 * are the clock; the text follows, up to a NUL.
 */
#include "fuzz/fuzz.h"

#include "common/when.h"

#include <regex.h>
#include <time.h>

#define END_OF_9999 INT64_C(253402300799)
#define UNTOUCHED INT64_C(-4711)
#define CLOCK_BYTES sizeof(int64_t)
#define PARTS 10

static regex_t span_form, moment_form;

static void compile(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    MUST_HOLD(regcomp(&span_form, "^([0-9]{1,12})([mhdwy])$", REG_EXTENDED) == 0);
    MUST_HOLD(regcomp(&moment_form,
                      "^([0-9]{4})-([0-9]{2})-([0-9]{2})([Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
                      "([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$",
                      REG_EXTENDED) == 0);
}

static int part(const char *text, const regmatch_t *match)
{
    return match->rm_so < 0 ? 0 : (int)strtol(text + match->rm_so, NULL, 10);
}

static bool expected_span(const char *text, int64_t *ret_span)
{
    regmatch_t match[3];
    if (regexec(&span_form, text, 3, match, 0) != 0)
        return false;
    const char letter = text[match[2].rm_so];
    const int64_t minutes = letter == 'm'   ? 1
                            : letter == 'h' ? 60
                            : letter == 'd' ? 1440
                            : letter == 'w' ? 10080
                                            : 525600;
    const __int128 span = (__int128)strtoll(text, NULL, 10) * minutes * 60;
    *ret_span = (int64_t)span;
    return span > 0 && span <= END_OF_9999;
}

/* The time in Unix seconds; the range is not checked. */
static bool expected_moment(const char *text, int64_t *ret_when)
{
    regmatch_t match[PARTS];
    if (regexec(&moment_form, text, PARTS, match, 0) != 0)
        return false;
    struct tm day = {.tm_year = part(text, &match[1]) - 1900,
                     .tm_mon = part(text, &match[2]) - 1,
                     .tm_mday = part(text, &match[3])};
    const struct tm asked = day;
    const int hour = part(text, &match[5]), minute = part(text, &match[6]),
              second = part(text, &match[7]);
    int64_t when = timegm(&day);
    if (asked.tm_year == -1900 || day.tm_year != asked.tm_year || day.tm_mon != asked.tm_mon ||
        day.tm_mday != asked.tm_mday || hour > 23 || minute > 59 || second > 60)
        return false;
    when += hour * 3600 + minute * 60 + second;
    const char *zone = match[9].rm_so < 0 ? "Z" : text + match[9].rm_so;
    if (*zone == '+' || *zone == '-') {
        const long hours = strtol(zone + 1, NULL, 10), minutes = strtol(zone + 4, NULL, 10);
        if (hours > 23 || minutes > 59)
            return false;
        when += (*zone == '+' ? -1 : 1) * (hours * 3600 + minutes * 60);
    }
    *ret_when = when;
    return true;
}

static bool expected(const char *text, int64_t now, int64_t *ret_when)
{
    int64_t span;
    if (strcmp(text, "never") == 0) {
        *ret_when = WHEN_NEVER;
        return true;
    }
    if (expected_span(text, &span)) {
        const __int128 when = (__int128)now + span;
        *ret_when = (int64_t)when;
        return when >= 1 && when <= END_OF_9999;
    }
    const bool today = strcmp(text, "today") == 0, tomorrow = strcmp(text, "tomorrow") == 0;
    if (today || tomorrow) {
        const __int128 day = (__int128)now - (now % 86400 + 86400) % 86400 + tomorrow * 86400;
        *ret_when = (int64_t)day;
        return day >= 1 && day <= END_OF_9999;
    }
    return expected_moment(text, ret_when) && *ret_when >= 1 && *ret_when <= END_OF_9999;
}

/* No message contains the text, because it may be a secret that was given by mistake. */
static void require_error(const struct espt_error *err)
{
    MUST_HOLD(err->code == ESPT_USAGE);
    MUST_HOLD(strstr(err->message, "give ") != NULL);
    MUST_HOLD(strncmp(err->message, "not a time; ", 12) == 0 ||
              strncmp(err->message, "a time before 1970-", 19) == 0);
    for (const char *c = err->message; *c != '\0'; c++)
        MUST_HOLD(*c >= ' ' && *c <= '~');
}

/* An accepted time is formatted in one form, which is parsed to the same time with any clock. */
static void require_written(int64_t when)
{
    char text[WHEN_TEXT_SIZE], theirs[64];
    int64_t back;
    const time_t clock = (time_t)when;
    struct tm tm;
    when_format(when, text);
    strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&clock, &tm));
    MUST_HOLD(strcmp(text, theirs) == 0);
    MUST_HOLD(when_parse(text, INT64_MAX, &back, NULL) == 0 && back == when);
}

/* No accepted text is accepted with one byte more. */
static void require_longer(const char *text, int64_t now)
{
    static const char more[] = "0Zz mhdwyTt.:-+\n\x80";
    const size_t len = strlen(text);
    char *longer = malloc(len + 2);
    int64_t when = UNTOUCHED;
    MUST_HOLD(longer != NULL);
    memcpy(longer, text, len);
    longer[len + 1] = '\0';
    for (size_t i = 0; more[i] != '\0'; i++) {
        longer[len] = more[i];
        MUST_HOLD(when_parse(longer, now, &when, NULL) == ESPT_USAGE && when == UNTOUCHED);
    }
    free(longer);
}

static void require_any_number(int64_t number)
{
    char text[WHEN_TEXT_SIZE];
    int64_t back = UNTOUCHED;
    when_format(number, text);
    MUST_HOLD(strlen(text) == strlen("2026-01-02T03:04:05Z"));
    const int code = when_parse(text, 0, &back, NULL);
    const int64_t near = number > END_OF_9999 ? END_OF_9999 : number;
    MUST_HOLD(number < 1 ? code == ESPT_USAGE : code == 0 && back == near);
}

FUZZ(when)
{
    struct espt_error err = {0};
    int64_t now = 0, when = UNTOUCHED, wanted = 0, span = UNTOUCHED, wanted_span = 0;
    compile();
    if (size < CLOCK_BYTES)
        return 0;
    memcpy(&now, data, CLOCK_BYTES);
    require_any_number(now);
    setenv("TZ", now % 2 == 0 ? "ODD-13:37EVEN" : "UTC", 1); /* must have no effect */
    tzset();
    const size_t len = strnlen((const char *)data + CLOCK_BYTES, size - CLOCK_BYTES);
    char *text = malloc(len + 1); /* memory of exactly its size */
    MUST_HOLD(text != NULL);
    memcpy(text, data + CLOCK_BYTES, len);
    text[len] = '\0';
    const bool taken = expected(text, now, &wanted);
    const int code = when_parse(text, now, &when, &err);
    MUST_HOLD(code == (taken ? 0 : ESPT_USAGE));
    if (taken) {
        MUST_HOLD(when == wanted && when >= 0 && when <= END_OF_9999);
        MUST_HOLD((when == WHEN_NEVER) == (strcmp(text, "never") == 0));
        if (when != WHEN_NEVER)
            require_written(when);
        require_longer(text, now);
    } else {
        MUST_HOLD(when == UNTOUCHED);
        require_error(&err);
    }
    const bool is_span = expected_span(text, &wanted_span);
    MUST_HOLD(span_parse(text, &span) == is_span);
    MUST_HOLD(span == (is_span ? wanted_span : UNTOUCHED));
    free(text);
    return 0;
}
