/* SPDX-License-Identifier: ISC */
#include "common/when.h"

#include <stdio.h>
#include <string.h>

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WHEN_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Reads exactly `digits` decimal digits and advances. */
static bool parse_digits(const char **text, int digits, int64_t *ret_number)
{
    int64_t number = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (c - '0');
    }
    *text += digits;
    *ret_number = number;
    return true;
}

/* Skips one character, if it is one of `choices`. */
static bool accept(const char **text, const char *choices)
{
    if (**text == '\0' || strchr(choices, **text) == NULL)
        return false;
    (*text)++;
    return true;
}

bool span_parse(const char *text, int64_t *ret_seconds)
{
    int64_t number = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 12 || !parse_digits(&text, (int)digits, &number) || number == 0)
        return false;
    int64_t unit;
    switch (*text) {
    case 'm':
        unit = MINUTE;
        break;
    case 'h':
        unit = HOUR;
        break;
    case 'd':
        unit = DAY;
        break;
    case 'w':
        unit = 7 * DAY;
        break;
    case 'y':
        unit = 365 * DAY;
        break;
    default:
        return false;
    }
    if (text[1] != '\0' || number > WHEN_MAX / unit)
        return false;
    *ret_seconds = number * unit;
    return true;
}

static bool leap_year(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap_year(year));
}

/* Days from 1970-01-01 to the first of the year, in the proleptic Gregorian calendar. */
static int64_t days_to_year(int64_t year)
{
    int64_t past = year - 1;
    return 365 * (year - 1970) + (past / 4 - 1969 / 4) - (past / 100 - 1969 / 100) +
           (past / 400 - 1969 / 400);
}

static bool parse_date(const char **text, int64_t *ret_days)
{
    int64_t year, month, day;
    if (!parse_digits(text, 4, &year) || !accept(text, "-") || !parse_digits(text, 2, &month) ||
        !accept(text, "-") || !parse_digits(text, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    int64_t days = days_to_year(year) + day - 1;
    for (int64_t m = 1; m < month; m++)
        days += days_in_month(year, m);
    *ret_days = days;
    return true;
}

/* HH:MM:SS[.fraction](Z|+HH:MM|-HH:MM) of RFC 3339. A leap second counts as the next second. */
static bool parse_time(const char **text, int64_t *ret_seconds)
{
    int64_t hour, minute, second, zone_hour = 0, zone_minute = 0;
    if (!parse_digits(text, 2, &hour) || !accept(text, ":") || !parse_digits(text, 2, &minute) ||
        !accept(text, ":") || !parse_digits(text, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    if (accept(text, ".")) {
        size_t digits = strspn(*text, "0123456789");
        if (digits == 0)
            return false;
        *text += digits;
    }
    const bool west = **text == '-';
    if (!accept(text, "Zz")) {
        if (!accept(text, "+-") || !parse_digits(text, 2, &zone_hour) || !accept(text, ":") ||
            !parse_digits(text, 2, &zone_minute) || zone_hour > 23 || zone_minute > 59)
            return false;
    }
    const int64_t zone = zone_hour * HOUR + zone_minute * MINUTE;
    *ret_seconds = hour * HOUR + minute * MINUTE + second + (west ? zone : -zone);
    return true;
}

static bool parse_moment(const char *text, int64_t *ret_when)
{
    int64_t days, seconds = 0;
    if (!parse_date(&text, &days))
        return false;
    if (*text != '\0' && (!accept(&text, "Tt") || !parse_time(&text, &seconds) || *text != '\0'))
        return false;
    *ret_when = days * DAY + seconds;
    return true;
}

static bool in_range(int64_t when)
{
    return when >= 1 && when <= WHEN_MAX;
}

bool moment_parse(const char *text, int64_t *ret_when)
{
    int64_t when;
    if (!parse_moment(text, &when) || !in_range(when))
        return false;
    *ret_when = when;
    return true;
}

/* The words for a day: its 00:00 UTC. */
static bool parse_day(const char *text, int64_t now, int64_t *ret_when)
{
    const bool tomorrow = strcmp(text, "tomorrow") == 0;
    if (!tomorrow && strcmp(text, "today") != 0)
        return false;
    /* with a clock out of range, neither day is in range */
    const int64_t today = now < 0 ? -DAY : now > WHEN_MAX ? WHEN_MAX + 1 : now - now % DAY;
    *ret_when = today + (tomorrow ? DAY : 0);
    return true;
}

int when_parse(const char *text, int64_t now, int64_t *ret_when, struct espt_error *err)
{
    int64_t span, when;
    if (strcmp(text, "never") == 0) {
        *ret_when = WHEN_NEVER;
        return 0;
    }
    if (span_parse(text, &span)) {
        when = now > WHEN_MAX - span ? WHEN_MAX + 1 : now + span;
    } else if (!parse_day(text, now, &when) && !parse_moment(text, &when)) {
        return espt_fail(err, ESPT_USAGE,
                         "not a time; give never, a span (90m, 12h, 90d, 2w, 1y), today, tomorrow, "
                         "a date (2027-01-31) or an RFC 3339 time (2027-01-31T12:00:00Z)");
    }
    if (!in_range(when))
        return espt_fail(err, ESPT_USAGE,
                         "a time before 1970-01-01T00:00:01Z or after the year 9999; give another");
    *ret_when = when;
    return 0;
}

void when_format(int64_t when, char out[static WHEN_TEXT_SIZE])
{
    if (when < 0)
        when = 0;
    if (when > WHEN_MAX)
        when = WHEN_MAX;
    int64_t days = when / DAY, rest = when % DAY, month = 1;
    int64_t year = 1970 + days / 366;
    while (days_to_year(year + 1) <= days)
        year++;
    days -= days_to_year(year);
    while (days >= days_in_month(year, month))
        days -= days_in_month(year, month++);
    snprintf(out, WHEN_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000,
             (unsigned)month % 100, (unsigned)(days + 1) % 100, (unsigned)(rest / HOUR) % 100,
             (unsigned)(rest % HOUR / MINUTE) % 100, (unsigned)(rest % MINUTE) % 100);
}
