/* SPDX-License-Identifier: ISC */
/* common/tier.h: faults with FILE:LINE:, limits, and which metrics a tier includes. */
#include "common/tier.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LITE "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\n"

#define TEXT_20 "twenty bytes of text"
#define TEXT_121 TEXT_20 TEXT_20 TEXT_20 TEXT_20 TEXT_20 TEXT_20 "!"

static struct espt_error err;

static struct tier_table *parse(const char *text, size_t len)
{
    struct tier_table *table = NULL;
    err.message[0] = '\0';
    return tier_table_parse(&table, "tiers.ini", text, len, &err) == 0 ? table : NULL;
}

static struct tier_table *good(const char *text)
{
    struct tier_table *table = parse(text, strlen(text));
    ck_assert_msg(table != NULL, "%s", err.message);
    return table;
}

/* The text of the file, the line of the fault, and words of the message. */
static const struct {
    const char *text;
    int line;
    const char *words;
} faults[] = {
    {"", 1, "empty"},
    {"; nothing\n", 1, "empty"},
    {LITE "label = a\nlabel = b\n", 6, "set twice"},
    {LITE LITE, 5, "repeated"},
    {LITE "colour = red\n", 5, "unknown key 'colour'; a tier has label"},
    {LITE "esptk_15R4YyLIodi_x = red\n", 5, "unknown key; a tier has label"},
    {"[Lite]\n", 1, "not a section name"},
    {"[]\n", 1, "not a section name"},
    {"[abcdefghijklmnopqrstuvwxyz0123456]\n", 1, "not a section name"},
    {"[lite] x\n", 1, "after ]"},
    {"[lite];x\n", 1, "after ]"},
    {"[lite\n", 1, "a section header without ]"},
    {"rank = 1\n" LITE, 1, "before the first section"},
    {LITE " label = x\n", 5, "indented"},
    {LITE "\tlabel = x\n", 5, "indented"},
    {LITE "label : x\n", 5, "`:`"},
    {LITE "label: a = b\n", 5, "`:`"},
    {LITE "label\n", 5, "neither"},
    {LITE "= x\n", 5, "without a key"},
    {LITE "label ; = x\n", 5, "neither"},
    {"[a]\nmax_tokens = 1\ndefault = yes\n", 1, "has no rank"},
    {"[a]\nrank = 1\ndefault = yes\n", 1, "has no max_tokens"},
    {"[a]\nrank = 0\n", 2, "not a number"},
    {"[a]\nrank = 1000001\n", 2, "not a number"},
    {"[a]\nrank = -1\n", 2, "not a number"},
    {"[a]\nrank = +1\n", 2, "not a number"},
    {"[a]\nrank = 1x\n", 2, "not a number"},
    {"[a]\nrank =\n", 2, "not a number"},
    {"[a]\nrank = 99999999999999999999\n", 2, "not a number"},
    {"[a]\nrank = unlimited\n", 2, "not a number"},
    {"[a]\nmax_tokens = many\n", 2, "or unlimited"},
    {"[a]\ndefault = true\n", 2, "neither yes nor no"},
    {LITE "[b]\nrank = 10\nmax_tokens = 1\n", 5, "same rank"},
    {LITE "[b]\nrank = 11\nmax_tokens = 1\ndefault = yes\n", 5, "both the default"},
    {"[a]\nrank = 1\nmax_tokens = 1\n", 1, "no tier is the default"},
    {LITE "metrics = KPI\n", 5, "not a metric pattern"},
    {LITE "metrics = a*\n", 5, "not a metric pattern"},
    {LITE "metrics = .*x\n", 5, "not a metric pattern"},
    {LITE "metrics =\n", 5, "has no pattern"},
    {LITE "label = a\x01\n", 5, "control character"},
    {LITE "label = a\rb\n", 5, "control character"},
    {"[lite]\rrank = 10\rmax_tokens = 1\rdefault = yes\r", 1, "LF or CRLF"},
    {"\xff\xfe[\x01l", 1, "UTF-16"},
    {"\xfe\xff\x01[", 1, "UTF-16"},
    {LITE "label = \x7f\n", 5, "control character"},
    {LITE "label = \xc3\x28\n", 5, "UTF-8"},
    {LITE "label = \xed\xa0\x80\n", 5, "UTF-8"},
    {LITE "label = \xc2\x85\n", 5, "control character (U+0085); remove it"},
    {LITE "; \xc2\x85\n", 5, "control character (U+0085); remove it"},
    {LITE "# \xe2\x80\xa8\n", 5, "control character (U+2028); remove it"},
    {LITE "label = a\tb\n", 5, "label has a tab; write a blank"},
    {LITE "upgrade = a\tb\n", 5, "upgrade has a tab; write a blank"},
    {LITE "label =\n", 5, "label is empty; write one, or remove the key"},
    {LITE "label = ; none\n", 5, "label is empty"},
    {LITE "label = " TEXT_121 "\n", 5, "label has 121 bytes; shorten it to 120"},
    {LITE "upgrade = " TEXT_121 "\n", 5, "upgrade has 121 bytes; shorten it to 120"},
    {"\xef\xbb\xbf\xef\xbb\xbf" LITE, 1, "neither"},
};

START_TEST(faults_are_refused_by_name_and_line)
{
    char place[32];
    struct tier_table *table = parse(faults[_i].text, strlen(faults[_i].text));
    snprintf(place, sizeof place, "tiers.ini:%d: ", faults[_i].line);
    ck_assert_ptr_null(table);
    ck_assert_msg(strncmp(err.message, place, strlen(place)) == 0, "%s", err.message);
    ck_assert_msg(strstr(err.message, faults[_i].words) != NULL, "%s", err.message);
    ck_assert_ptr_null(strchr(err.message, '\n'));
}
END_TEST

START_TEST(nul_and_size_are_refused)
{
    char *big = malloc(70000);
    ck_assert_ptr_nonnull(big);
    ck_assert_ptr_null(parse(LITE "label = a\0b\n", sizeof LITE + 11));
    ck_assert_msg(strstr(err.message, "tiers.ini:5: a NUL") != NULL, "%s", err.message);
    memset(big, '\n', 70000);
    big[69999] = '\0';
    ck_assert_ptr_null(parse(big, 69999));
    ck_assert_msg(strstr(err.message, "tiers.ini:65537: larger than") != NULL, "%s", err.message);
    /* the same for a file that is read */
    const char *file = in_folder(temp_folder(), "f.ini");
    char place[600];
    struct tier_table *table;
    file_text(file, big);
    snprintf(place, sizeof place, "%s:65537: larger than 65536 bytes; shorten it", file);
    ck_assert_int_eq(tier_table_load(&table, file, geteuid(), &err), ESPT_UNUSABLE);
    ck_assert_str_eq(err.message, place);
    free(big);
}
END_TEST

START_TEST(lines_of_198_bytes_are_accepted)
{
    char text[400];
    for (int len = 197; len <= 200; len++) {
        int used = snprintf(text, sizeof text, LITE "; ");
        memset(text + used, 'x', (size_t)len - 2);
        strcpy(text + used + len - 2, "\n");
        struct tier_table *table = parse(text, strlen(text));
        ck_assert_int_eq(table != NULL, len <= 198);
        tier_table_free(table);
    }
    int used = snprintf(text, sizeof text, LITE "metrics = ");
    memset(text + used, 'a', 128);
    memset(text + used + 128, ' ', 1);
    memset(text + used + 129, 'b', 59);
    strcpy(text + used + 188, "\r\n");
    struct tier_table *table = good(text);
    ck_assert_uint_eq(table->tier[0].patterns, 2);
    ck_assert_uint_eq(strlen(table->tier[0].pattern[1]), 59);
    tier_table_free(table);
}
END_TEST

START_TEST(forms_that_are_allowed)
{
    static const char *const texts[] = {
        LITE,
        "\xef\xbb\xbf" LITE,
        "[lite]\r\nrank = 10\r\nmax_tokens = 1\r\ndefault = yes\r\n",
        "[lite]\nrank=10\nmax_tokens\t=\t1\ndefault = yes",
        "  ; comment\n\t# comment\n\n[lite] ; x\nrank = 10 ; ten\nmax_tokens = 1\ndefault = yes\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tier_table *table = good(texts[i]);
        ck_assert_str_eq(table->tier[0].label, "lite");
        ck_assert_uint_eq(table->tier[0].rank, 10);
        tier_table_free(table);
    }
}
END_TEST

START_TEST(higher_ranks_include_lower_ones)
{
    struct tier_table *table = good("[top]\nrank = 30\nmax_tokens = unlimited\nmetrics = *\n"
                                    "[advanced]\nrank = 20\nmax_tokens = 5\nmetrics = asn.*\n"
                                    "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\n"
                                    "metrics = kpi.*\nmetrics = exact\n");
    static const struct {
        const char *tier, *metric;
        bool allowed;
    } cases[] = {
        {"lite", "kpi.x", true},      {"lite", "kpi", false},      {"lite", "kpi.", true},
        {"lite", "kpix.y", false},    {"lite", "exact", true},     {"lite", "exact.y", false},
        {"lite", "asn.x", false},     {"advanced", "asn.x", true}, {"advanced", "kpi.x", true},
        {"advanced", "other", false}, {"top", "other", true},      {"top", "Other", false},
        {"top", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tier *tier = tier_find(table, cases[i].tier);
        ck_assert_msg(tier_allows(table, tier, cases[i].metric, strlen(cases[i].metric)) ==
                          cases[i].allowed,
                      "%s %s", cases[i].tier, cases[i].metric);
    }
    ck_assert_str_eq(table->tier[0].name, "lite");
    ck_assert_str_eq(tier_default(table)->name, "lite");
    ck_assert_uint_eq(table->tier[2].max_tokens, TIER_UNLIMITED);
    ck_assert_ptr_null(tier_find(table, "none"));
    tier_table_free(table);
}
END_TEST

/* 64 tiers and 1,024 patterns are accepted; one more is refused. */
START_TEST(limits_of_number)
{
    char *text = calloc(1, 65536);
    ck_assert_ptr_nonnull(text);
    for (int count = 64; count <= 65; count++) {
        int used = 0;
        for (int i = 0; i < count; i++)
            used += sprintf(text + used, "[t%d]\nrank = %d\nmax_tokens = 1\n%s", i, i + 1,
                            i == 0 ? "default = yes\n" : "");
        struct tier_table *table = parse(text, strlen(text));
        ck_assert_int_eq(table != NULL, count == 64);
        tier_table_free(table);
    }
    for (int count = 1024; count <= 1025; count++) {
        int used = sprintf(text, LITE);
        for (int i = 0; i < count; i++)
            used += sprintf(text + used, "metrics = m%d\n", i);
        struct tier_table *table = parse(text, strlen(text));
        ck_assert_int_eq(table != NULL, count == 1024);
        tier_table_free(table);
    }
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tier");
    TCase *tcase = tcase_create("table");
    tcase_add_loop_test(tcase, faults_are_refused_by_name_and_line, 0,
                        sizeof faults / sizeof *faults);
    tcase_add_test(tcase, nul_and_size_are_refused);
    tcase_add_test(tcase, lines_of_198_bytes_are_accepted);
    tcase_add_test(tcase, forms_that_are_allowed);
    tcase_add_test(tcase, higher_ranks_include_lower_ones);
    tcase_add_test(tcase, limits_of_number);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
