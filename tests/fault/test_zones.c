/* SPDX-License-Identifier: ISC */
/*
 * esp-tokenctl reads and writes UTC in every time zone of its process.
 */
#include "fault/clock.h"

#include <unistd.h>

/* Zones: one without a name; one where hours and days are missing or occur twice; one with seconds;
   unset; and an invalid one. The output is UTC and the same in all. */
static const char *const zones[] = {"Asia/Kathmandu",
                                    "Pacific/Apia",
                                    "Africa/Casablanca",
                                    "America/St_Johns",
                                    "Antarctica/Troll",
                                    "Australia/Lord_Howe",
                                    "right/UTC",
                                    "posix/Europe/Dublin",
                                    "EST5EDT,M3.2.0,M11.1.0",
                                    "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
                                    "AAA-24:59:59",
                                    "AAA167",
                                    ":",
                                    "",
                                    "No/Such_Zone",
                                    "/etc/passwd",
                                    "\xff\xfe%s%n"};

static const char *everything(int64_t now)
{
    static const char *const commands[][5] = {{"list"},
                                              {"--json", "list"},
                                              {"show", "shop/gap"},
                                              {"stats"},
                                              {"--json", "stats"},
                                              {"stats", "--prometheus"},
                                              {"log"},
                                              {"--json", "log"},
                                              {"export"},
                                              {"list", "--expiring", "2027-12-24"},
                                              {"--json", "entity", "list"}};
    static char all[1 << 16];
    all[0] = '\0';
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        strncat(all, done_at(now, commands[i]), sizeof all - strlen(all) - 1);
    return all;
}

START_TEST(always_utc)
{
    const int64_t late = INT64_C(1801439990); /* ten seconds before 2027-02-01 */
    static const struct {
        const char *text, *expires;
    } whens[] = {
        {"2027-12-24", "2027-12-24T00:00:00Z"},
        {"2027-03-14T02:30:00-05:00", "2027-03-14T07:30:00Z"}, /* a skipped hour in New York */
        {"2027-11-07T01:30:00-04:00", "2027-11-07T05:30:00Z"}, /* a repeated hour */
        {"2027-10-03T02:15:00+10:30", "2027-10-02T15:45:00Z"},
        {"2027-12-30T23:59:59+13:00", "2027-12-30T10:59:59Z"},
        {"2027-06-01T00:00:00-00:00", "2027-06-01T00:00:00Z"},
        {"2027-06-01T00:00:00+23:59", "2027-05-31T00:01:00Z"},
    };
    setup();
    unsetenv("TZ");
    DONE_AT(late, "entity", "add", "shop", "--kind", "customer");
    DONE_AT(late, "create", "shop", "gap", "--expires", "2027-02-01");
    const char *before = keep_string(strdup(everything(late)));
    if (access("/usr/share/zoneinfo/right/UTC", R_OK) != 0)
        puts("SKIPPED always_utc: a zone with leap seconds (right/UTC) is not installed");
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        setenv("TZ", zones[i], 1);
        const char *now = everything(late);
        ck_assert_msg(strcmp(now, before) == 0, "TZ=%s", zones[i]);
    }
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        setenv("TZ", zones[i], 1);
        for (size_t w = 0; w < sizeof whens / sizeof *whens; w++) {
            json_t *json =
                document(DONE_AT(late, "--json", "edit", "shop/gap", "--expires", whens[w].text));
            ck_assert_msg(strcmp(text_of(json, "expires"), whens[w].expires) == 0,
                          "TZ=%s: %s is %s", zones[i], whens[w].text, text_of(json, "expires"));
            json_decref(json);
        }
    }
    unsetenv("TZ");
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("a sanitizer has to stand before all that is preloaded");
    return 77;
#endif
    Suite *suite = suite_create("zones");
    TCase *tests = tcase_create("zones");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, always_utc);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
