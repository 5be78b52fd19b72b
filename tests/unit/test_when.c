/* SPDX-License-Identifier: ISC */
/* common/when.h and common/name.h: the forms of times and names. */
#include "common/name.h"
#include "common/when.h"
#include "support/support.h"

#include <string.h>
#include <time.h>

#define NOW INT64_C(1800000000)

static const struct {
    const char *text;
    int64_t when; /* -1: refused */
} cases[] = {
    {"never", 0},
    {"1m", NOW + 60},
    {"90m", NOW + 5400},
    {"today", NOW - NOW % 86400},
    {"tomorrow", NOW - NOW % 86400 + 86400},
    {"12h", NOW + 43200},
    {"90d", NOW + 90 * 86400},
    {"2w", NOW + 14 * 86400},
    {"1y", NOW + 365 * 86400},
    {"2027-01-31", 1801353600},
    {"2024-02-29", 1709164800},
    {"2000-02-29T00:00:00Z", 951782400},
    {"2027-01-31T12:00:00Z", 1801396800},
    {"2027-01-31t12:00:00z", 1801396800},
    {"2027-01-31T12:00:00.999Z", 1801396800},
    {"2027-01-31T12:00:00+02:00", 1801389600},
    {"2027-01-31T12:00:00-02:30", 1801405800},
    {"2016-12-31T23:59:60Z", 1483228800},
    {"9999-12-31T23:59:59Z", 253402300799},
    {"", -1},
    {"0h", -1},
    {"-1h", -1},
    {"1", -1},
    {"m", -1},
    {"0m", -1},
    {"1M", -1},
    {"1min", -1},
    {"1s", -1},
    {"Today", -1},
    {"todayZ", -1},
    {"yesterday", -1},
    {"9999999999999m", -1},
    {"1hh", -1},
    {" 1h", -1},
    {"999999999999y", -1},
    {"9999999999999h", -1},
    {"2023-02-29", -1},
    {"1900-02-29", -1},
    {"2027-13-01", -1},
    {"2027-00-01", -1},
    {"2027-01-32", -1},
    {"2027-1-1", -1},
    {"2027-01-31 12:00:00Z", -1},
    {"2027-01-31T12:00:00", -1},
    {"2027-01-31T24:00:00Z", -1},
    {"2027-01-31T12:60:00Z", -1},
    {"2027-01-31T12:00:61Z", -1},
    {"2027-01-31T12:00:00.Z", -1},
    {"2027-01-31T12:00:00+24:00", -1},
    {"2027-01-31T12:00:00Zx", -1},
    {"1970-01-01", -1},
    {"1969-12-31", -1},
    {"9999-12-31T23:59:59-01:00", -1},
    {"Never", -1},
};

START_TEST(texts)
{
    struct espt_error err;
    int64_t when = -1;
    int code = when_parse(cases[_i].text, NOW, &when, &err);
    ck_assert_msg(when == cases[_i].when, "%s: %lld", cases[_i].text, (long long)when);
    ck_assert_int_eq(code, cases[_i].when < 0 ? ESPT_USAGE : 0);
}
END_TEST

/* Files hold times that do not depend on the clock. */
START_TEST(moments_need_no_clock)
{
    static const char *const others[] = {"never", "today", "tomorrow",  "90m",
                                         "1y",    "",      "1970-01-01"};
    int64_t when = -1;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!moment_parse(others[i], &when) && when == -1, "%s", others[i]);
    ck_assert(moment_parse("2027-01-31", &when) && when == 1801353600);
    ck_assert(moment_parse("2027-01-31T12:00:00+02:00", &when) && when == 1801389600);
}
END_TEST

/* Compared with the C library over the whole range. */
START_TEST(format_and_parse_agree_with_libc)
{
    for (int64_t when = 1; when < INT64_C(253402300799); when += INT64_C(86399) * 1013) {
        char ours[WHEN_TEXT_SIZE], theirs[32];
        time_t t = (time_t)when;
        struct tm tm;
        int64_t back;
        struct espt_error err;
        strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
        when_format(when, ours);
        ck_assert_str_eq(ours, theirs);
        ck_assert_int_eq(when_parse(ours, NOW, &back, &err), 0);
        ck_assert_int_eq(back, when);
    }
}
END_TEST

START_TEST(names_have_their_forms)
{
    static const struct {
        bool (*ok)(const char *name, size_t len);
        const char *name;
        bool wanted;
    } names[] = {
        {entity_name_ok, "a", true},
        {entity_name_ok, "9.x_y-Z", true},
        {entity_name_ok, "", false},
        {entity_name_ok, ".a", false},
        {entity_name_ok, "_a", false},
        {entity_name_ok, "a b", false},
        {entity_name_ok, "none", false},
        {entity_name_ok, "None", true},
        {entity_name_ok, "a/b", false},
        {token_name_ok, "my token", true},
        {token_name_ok, "caf\xc3\xa9", true},
        {token_name_ok, "", false},
        {token_name_ok, " a", false},
        {token_name_ok, "a ", false},
        {token_name_ok, "a\xc2\xa0", false},
        {token_name_ok, "a\tb", false},
        {token_name_ok,
         "a\xe2\x80\xae"
         "b",
         false},
        {token_name_ok,
         "a\xe2\x81\xa6"
         "b",
         false},
        {token_name_ok, "a\xff", false},
        {token_name_ok, "a\xc0\x80", false},
        {tier_name_ok, "lite-2_x", true},
        {tier_name_ok, "Lite", false},
        {metric_name_ok, "kpi.peak_audience", true},
        {metric_name_ok, "kpi/x", false},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(names[i].ok(names[i].name, strlen(names[i].name)) == names[i].wanted, "%s",
                      names[i].name);
    char longest[129];
    memset(longest, 'a', sizeof longest);
    ck_assert(entity_name_ok(longest, 64) && !entity_name_ok(longest, 65));
    ck_assert(token_name_ok(longest, 100) && !token_name_ok(longest, 101));
    ck_assert(tier_name_ok(longest, 32) && !tier_name_ok(longest, 33));
    ck_assert(metric_name_ok(longest, 128) && !metric_name_ok(longest, 129));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("when");
    TCase *tcase = tcase_create("texts");
    tcase_add_loop_test(tcase, texts, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tcase, format_and_parse_agree_with_libc);
    tcase_add_test(tcase, moments_need_no_clock);
    tcase_add_test(tcase, names_have_their_forms);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
