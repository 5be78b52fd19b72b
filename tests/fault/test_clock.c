/* SPDX-License-Identifier: ISC */
/*
 * Contract §2 and §6 hold at the first and the last year that the clock can show, and when the
 * clock goes back, between commands and within one.
 */
#include "common/token.h"
#include "fault/clock.h"

#define EPOCH INT64_C(1577836800) /* 2020-01-01, where ids begin */

/* §2: the upper 42 bits hold milliseconds since 2020, up to their maximum. */
static void id_is_of(const char *id, int64_t now)
{
    uint64_t number;
    int64_t ms = (now - EPOCH) * 1000 + 999;
    ms = ms < 0 ? 0 : ms;
    ms = ms > (INT64_C(1) << 42) - 1 ? (INT64_C(1) << 42) - 1 : ms;
    ck_assert_msg(token_id_parse(id, strlen(id), &number), "%s", id);
    ck_assert_int_eq((int64_t)(number >> 22), ms);
}

/* --- one clock --- */

static const int64_t clocks[] = {0,
                                 1,
                                 EPOCH - 1, /* 2019 */
                                 EPOCH,
                                 INT32_MAX,
                                 INT64_C(1) << 31,           /* 2038 */
                                 INT64_C(1) << 32,           /* 2106 */
                                 EPOCH + (INT64_C(1) << 32), /* after the last time of a use */
                                 LAST - 365 * DAY,
                                 LAST - 13 * HOUR};

/* Everything at one clock, including the creation of the store. */
START_TEST(everything_at_one_clock)
{
    const int64_t clock = clocks[_i], now = clock > 0 ? clock : 1;
    const char *where = in_folder(temp_folder(), "store");
    config = NULL;
    DONE_AT(clock, "init", where);
    config = keep_string(strdup(in_folder(where, "esp-token.conf")));
    json_t *made = document(DONE_AT(clock, "--json", "entity", "add", "shop", "--kind", "reseller",
                                    "--tier", "advanced"));
    ck_assert_str_eq(text_of(json_object_get(made, "entity"), "created"), written(now));
    ck_assert_str_eq(text_of(json_object_get(made, "token"), "expires"),
                     written(now + 365 * DAY < LAST ? now + 365 * DAY : LAST));
    json_decref(made);
    made = document(DONE_AT(clock, "--json", "create", "shop", "short", "--expires", "12h"));
    ck_assert_str_eq(text_of(made, "created"), written(now));
    ck_assert_str_eq(text_of(made, "expires"), written(now + 12 * HOUR));
    id_is_of(text_of(made, "id"), clock);
    const char *text = text_of(made, "token");
    ck_assert_str_eq(verify_reason(clock, text), "allow");
    ck_assert_str_eq(verify_reason(now + 12 * HOUR - 1, text), "allow");
    ck_assert_str_eq(verify_reason(now + 12 * HOUR, text), "expired");
    check_shown(clock, "shop/short", "active", now + 12 * HOUR);
    check_shown(now + 12 * HOUR - 1, "shop/short", "active", now + 12 * HOUR);
    check_shown(now + 12 * HOUR, "shop/short", "expired", now + 12 * HOUR);
    json_decref(made);
    DONE_AT(clock, "create", "shop", "long", "--expires", "never");
    check_shown(LAST, "shop/long", "active", 0);
    DONE_AT(clock, "rotate", "shop/short", "--overlap", "1h");
    check_shown(clock, "shop/short", "active", now + 12 * HOUR);
    DONE_AT(clock, "edit", "shop/long", "--expires", "1h");
    check_shown(clock, "shop/long", "active", now + HOUR);
    DONE_AT(clock, "rotate", "shop/default", "--overlap", "9999d");
    DONE_AT(clock, "list", "--sort", "expires", "--expiring", "1h");
    DONE_AT(clock, "list", "--unused", "1d");
    DONE_AT(clock, "stats", "--json");
    DONE_AT(clock, "stats");
    DONE_AT(clock, "log", "verify");
    ck_assert_ptr_nonnull(strstr(DONE_AT(clock, "log", "--since", "1h"), written(now)));
    DONE_AT(clock, "check");
    const char *copy = keep_string(strdup(in_folder(where, "copy.mdb")));
    DONE_AT(clock, "backup", copy);
    DONE_AT(clock, "restore", copy, "--yes");
    DONE_AT(clock, "check");
}
END_TEST

/* No time after 9999 is printed or stored. */
START_TEST(no_time_after_9999)
{
    setup();
    DONE_AT(NOW, "entity", "add", "shop", "--kind", "customer");
    DONE_AT(NOW, "edit", "shop/default", "--expires", "never");
    const char *old = keep_string(strdup(revealed(config, "shop/default")));
    DONE_AT(NOW, "rotate", "shop/default", "--overlap", "7990y");
    ck_assert_str_eq(verify_reason(LAST - 1, old), "allow");
    ck_assert_str_eq(verify_reason(LAST, old), "expired");
    json_t *list = document(DONE_AT(NOW, "--json", "list", "--sort", "expires"));
    json_t *retiring = json_array_get(json_object_get(list, "tokens"), 1); /* after its successor */
    ck_assert_str_eq(text_of(retiring, "expires"), written(LAST));
    ck_assert_uint_eq(json_array_size(json_object_get(list, "tokens")), 2);
    json_decref(list);
    static const char *const beyond[] = {"8000y", "10000-01-01", "9999-12-31T23:59:60Z",
                                         "9999-12-31T23:59:59-00:01"};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
        ck_assert_int_eq(AT(NOW, "create", "shop", "x", "--expires", beyond[i]).status, 2);
    ck_assert_int_eq(AT(LAST - HOUR, "create", "shop", "x", "--expires", "2h").status, 2);
    DONE_AT(LAST - HOUR, "create", "shop", "x", "--expires", "9999-12-31T23:59:59Z");
    /* the milliseconds of ids cannot tell these apart */
    DONE_AT(LAST - HOUR, "create", "shop", "y");
    DONE_AT(LAST, "check");
    DONE_AT(LAST + DAY, "list");
    check_shown(LAST + DAY, "shop/y", "expired", LAST);
}
END_TEST

/* --- expirations --- */

START_TEST(expires_at_its_second)
{
    setup();
    DONE_AT(NOW, "entity", "add", "shop", "--kind", "customer");
    struct run run = AT(NOW, "create", "shop", "x", "--expires", written(NOW));
    ck_assert_int_eq(run.status, 2);
    ck_assert_msg(strstr(run.err, "is in the past") != NULL, "%s", run.err);
    ck_assert_int_eq(AT(NOW, "create", "shop", "x", "--expires", written(NOW - 1)).status, 2);
    ck_assert_int_eq(AT(NOW, "edit", "shop/default", "--expires", written(NOW)).status, 2);
    ck_assert_int_eq(AT(NOW, "rotate", "shop/default", "--expires", "1970-01-01T00:00:01Z").status,
                     2);
    check_shown(NOW, "shop/default", "active", NOW + 365 * DAY);
    DONE_AT(NOW, "create", "shop", "x", "--expires", written(NOW + 1));
    check_shown(NOW, "shop/x", "active", NOW + 1);
    check_shown(NOW + 1, "shop/x", "expired", NOW + 1);
    /* expires while the command runs: the clock of the transaction decides */
    run = run_at(NOW, 2 * HOUR, NULL,
                 (const char *const[]){"create", "shop", "y", "--expires", "1h", NULL});
    ck_assert_int_eq(run.status, 2);
    ck_assert_int_eq(AT(NOW, "show", "shop/y").status, 3);
}
END_TEST

/* A leap second counts as the first second after it. */
START_TEST(leap_seconds)
{
    setup();
    DONE_AT(NOW, "entity", "add", "shop", "--kind", "customer");
    DONE_AT(NOW, "edit", "shop/default", "--expires", "2028-12-31T23:59:60Z");
    check_shown(NOW, "shop/default", "active", INT64_C(1861920000)); /* 2029-01-01 */
    DONE_AT(NOW, "edit", "shop/default", "--expires", "2029-01-01T05:44:60+05:45");
    check_shown(NOW, "shop/default", "active", INT64_C(1861920000));
    ck_assert_int_eq(AT(NOW, "edit", "shop/default", "--expires", "2028-12-31T23:59:61Z").status,
                     2);
    ck_assert_int_eq(
        AT(INT64_C(1861920000), "edit", "shop/default", "--expires", "2028-12-31T23:59:60Z").status,
        2);
}
END_TEST

/* --- a clock that goes back --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The ids at the start of each line. */
static void all_unique(const char *out, size_t count)
{
    char(*ids)[12] = calloc(count, sizeof *ids);
    ck_assert_ptr_nonnull(ids);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_ge(strlen(out), 11);
        memcpy(ids[i], out, 11);
        out = strchr(out, '\n') + 1;
    }
    ck_assert_str_eq(out, "");
    qsort(ids, count, sizeof *ids, by_text);
    for (size_t i = 1; i < count; i++)
        ck_assert_msg(strcmp(ids[i - 1], ids[i]) != 0, "%s was given twice", ids[i]);
    free(ids);
}

/* Between commands: a token made in a later year is shown as it is, and the store keeps working. */
START_TEST(clock_goes_back_between_commands)
{
    static const int64_t when[] = {INT64_C(2200000000), NOW, 0, EPOCH - 1, NOW + DAY, NOW};
    setup();
    DONE_AT(NOW, "entity", "add", "shop", "--kind", "customer");
    uint64_t revision = 0;
    for (size_t i = 0; i < sizeof when / sizeof *when; i++) {
        char name[32];
        snprintf(name, sizeof name, "token %zu", i);
        DONE_AT(when[i], "create", "shop", name);
        json_t *stats = document(DONE_AT(when[i], "--json", "stats"));
        const uint64_t now = (uint64_t)json_integer_value(json_object_get(stats, "revision"));
        ck_assert_uint_gt(now, revision);
        revision = now;
        json_decref(stats);
        DONE_AT(when[i], "check");
        DONE_AT(when[i], "log", "verify");
    }
    DONE_AT(NOW, "list");
    json_t *log = document(DONE_AT(NOW, "--json", "log"));
    const json_t *entries = json_object_get(log, "entries");
    ck_assert_uint_eq(json_array_size(entries), 7);
    for (size_t i = 0; i < 7; i++) {
        const json_t *entry = json_array_get(entries, i);
        ck_assert_int_eq(json_integer_value(json_object_get(entry, "sequence")), (json_int_t)i + 1);
        if (i > 0)
            ck_assert_str_eq(text_of(entry, "time"), written(when[i - 1] > 0 ? when[i - 1] : 1));
    }
    json_decref(log);
    /* ordered by their times, wherever the lines stand */
    log = document(DONE_AT(NOW + DAY, "--json", "log", "--since", "30d"));
    ck_assert_uint_eq(json_array_size(json_object_get(log, "entries")), 5);
    json_decref(log);
}
END_TEST

static void lasts_a_year(const json_t *token)
{
    struct espt_error err;
    int64_t created, expires;
    ck_assert_int_eq(when_parse(text_of(token, "created"), NOW, &created, &err), 0);
    ck_assert_int_eq(when_parse(text_of(token, "expires"), NOW, &expires, &err), 0);
    ck_assert_int_eq(expires - created, 365 * DAY);
}

/* Within one command: two thousand tokens in one millisecond, and each token a day before the
   last. */
START_TEST(clock_goes_back_within_a_command)
{
    enum { COUNT = 2000 };
    setup();
    DONE_AT(NOW, "entity", "add", "shop", "--kind", "customer");
    for (int step = 0; step < 2; step++) {
        const char *names = keep_string(strdup(in_folder(folder, "names")));
        FILE *out = fopen(names, "w");
        for (int i = 0; i < COUNT; i++)
            fprintf(out, "name %d %d\n", step, i);
        ck_assert_int_eq(fclose(out), 0);
        struct run run = run_at(NOW, step * -DAY, NULL,
                                (const char *const[]){"create", "shop", "--from", names, NULL});
        ck_assert_msg(run.status == 0, "%s", run.err);
        all_unique(run.out, COUNT);
    }
    DONE_AT(NOW, "check");
    DONE_AT(NOW, "log", "verify");
    /* a time span counts from the time of the command */
    struct run run = run_at(NOW, -HOUR, NULL,
                            (const char *const[]){"create", "shop", "x", "--expires", "1h", NULL});
    ck_assert_msg(run.status == 0, "%s", run.err);
    check_shown(NOW, "shop/x", "active", NOW + HOUR);
}
END_TEST

/* One command reads the clock once for times that belong together. */
START_TEST(one_clock_reading_for_both_times)
{
    setup();
    json_t *made = done(run_at(
        NOW, HOUR, NULL,
        (const char *const[]){"--json", "entity", "add", "shop", "--kind", "customer", NULL}));
    lasts_a_year(json_object_get(made, "token"));
    json_decref(made);
    made =
        done(run_at(NOW, HOUR, NULL, (const char *const[]){"--json", "create", "shop", "x", NULL}));
    lasts_a_year(made);
    json_decref(made);
    made = done(run_at(NOW, HOUR, NULL, (const char *const[]){"--json", "rotate", "shop/x", NULL}));
    lasts_a_year(made);
    json_decref(made);
}
END_TEST

/* A new secret gets the lifetime that the old one was created with. A creation time from when the
   clock was ahead says nothing about that lifetime. */
START_TEST(rotate_after_the_clock_went_back)
{
    setup();
    DONE_AT(NOW + 1000 * DAY, "entity", "add", "shop", "--kind", "customer");
    DONE_AT(NOW, "edit", "shop/default", "--expires", written(NOW + 90 * DAY));
    DONE_AT(NOW, "rotate", "shop/default");
    check_shown(NOW, "shop/default", "active", NOW + 365 * DAY);
    DONE_AT(NOW + 7 * DAY, "create", "shop", "week", "--expires", "7d");
    DONE_AT(NOW, "rotate", "shop/week", "--overlap", "0");
    check_shown(NOW, "shop/week", "active", NOW + 7 * DAY);
    DONE_AT(NOW, "check");
}
END_TEST

/* A use is never shown with a time in the future, and no use is lost. */
START_TEST(uses_are_never_in_the_future)
{
    static const int64_t when[] = {0, EPOCH - 1, NOW, EPOCH + (INT64_C(1) << 32) + DAY, NOW + DAY};
    setup();
    json_t *made = document(DONE_AT(NOW, "--json", "entity", "add", "shop", "--kind", "customer"));
    const char *text = text_of(json_object_get(made, "token"), "token");
    DONE_AT(NOW, "edit", "shop/default", "--expires", "never");
    for (size_t i = 0; i < sizeof when / sizeof *when; i++) {
        const int64_t now = when[i] > 0 ? when[i] : 1;
        ck_assert_str_eq(host_reason(when[i], text), "allow");
        for (int folded = 0; folded < 2; folded++) {
            json_t *json = document(DONE_AT(when[i], "--json", "show", "shop/default"));
            ck_assert_int_eq(json_integer_value(json_object_get(json, "uses")), (json_int_t)i + 1);
            const char *last = text_of(json, "last_used");
            ck_assert_msg(strcmp(last, written(now)) <= 0, "%s, at %s", last, written(now));
            ck_assert_msg(now <= EPOCH || now > NOW + DAY || strcmp(last, written(now)) == 0,
                          "%s, at %s", last, written(now));
            ck_assert_msg(now <= NOW + DAY || strcmp(last, "2156-02-07T06:28:15Z") == 0,
                          "%s, at %s", last, written(now));
            json_decref(json);
            DONE_AT(when[i], "usage", "fold");
        }
    }
    DONE_AT(NOW, "check");
    json_decref(made);
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("a sanitizer has to stand before all that is preloaded");
    return 77;
#endif
    Suite *suite = suite_create("clock");
    TCase *tests = tcase_create("clock");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, everything_at_one_clock, 0, (int)(sizeof clocks / sizeof *clocks));
    tcase_add_test(tests, no_time_after_9999);
    tcase_add_test(tests, expires_at_its_second);
    tcase_add_test(tests, leap_seconds);
    tcase_add_test(tests, clock_goes_back_between_commands);
    tcase_add_test(tests, clock_goes_back_within_a_command);
    tcase_add_test(tests, one_clock_reading_for_both_times);
    tcase_add_test(tests, rotate_after_the_clock_went_back);
    tcase_add_test(tests, uses_are_never_in_the_future);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
