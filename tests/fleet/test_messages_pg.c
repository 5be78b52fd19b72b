/* SPDX-License-Identifier: ISC */
/*
 * What a command of a site reports is true, whatever happens to one of its messages to the database
 * or to the answer: "done" means that the change is in the journal once, "failed" that it never
 * will be, and anything else is reported as not known. The test injects a fault at each message,
 * from the first of the connection to COMMIT and what follows.
 */
#include "fleet/pg_fleet.h"

#include "fleet/line.h"

#include <unistd.h>

/* connect, tables, next entry, turn, INSERT, COMMIT; more if TCP splits some of them */
#define MESSAGES 6

static struct pg_fleet pg;
static int harmed;

static void setup(void)
{
    pg_fleet_begin(&pg, 2);
}

/* Runs a command of the second site over the line, and compares what it reports with the journal.
 */
static bool over(int port, const char *name, const char *wait)
{
    const struct member *two = &pg.fleet.site[1];
    pg_fleet_reach(&pg, 1, port);
    struct run run = AT(*two, "entity", "add", name, "--kind", "customer", "--wait", wait);
    const bool did = line_end();
    pg_fleet_reach(&pg, 1, postgres_port());
    /* once the server has ended the connections, everything in transit has arrived */
    postgres_until(pg.database, "SELECT (count(*) = 0)::int FROM pg_stat_activity WHERE "
                                "application_name = 'hq-2'");
    pg_fleet_is_true(&pg, name, run.status);
    if (run.status == 5)
        ck_assert_msg(strstr(run.err, "nothing was changed") != NULL, "%s", run.err);
    /* `show` catches up first, but for half a second at most, so it may need several attempts */
    const int shown = pg_fleet_entries(&pg, name) == 1 ? 0 : 3;
    UNTIL(AT(pg.fleet.site[0], "entity", "show", name).status == shown);
    harmed += did;
    return did;
}

static bool with(enum line_fault fault, int chunks)
{
    char name[40];
    snprintf(name, sizeof name, "line-%d-%d-end", (int)fault, chunks);
    return over(line_begin(fault, chunks), name, fault == LINE_SILENT ? "15" : "3");
}

static bool overtaken(int chunks, int by)
{
    char name[40];
    snprintf(name, sizeof name, "overtaken-%d-%d-end", chunks, by);
    return over(line_begin_overtaken(chunks, by), name, "3");
}

static void ends_well(int at_least)
{
    fleet_same(&pg.fleet, 0, 1);
    DONE(pg.fleet.site[1], "check");
    ck_assert_int_ge(harmed, at_least);
    printf("%d messages were harmed\n", harmed);
}

/* A short run injects one fault at each message, instead of each kind of fault. */
static bool is_brief(void)
{
    return getenv("ESPT_TORTURE_SECONDS") == NULL;
}

START_TEST(lost_or_late)
{
    bool did = true;
    for (int chunks = 1; did; chunks++) {
        did = false;
        for (int fault = LINE_BEFORE; fault <= LINE_LATE; fault++) {
            if (!is_brief() || chunks % 3 == fault % 3)
                did = with((enum line_fault)fault, chunks) || did;
        }
    }
    ends_well(is_brief() ? MESSAGES : 3 * MESSAGES);
}
END_TEST

START_TEST(arrives_twice)
{
    int chunks = 1;
    while (with(LINE_TWICE, chunks))
        chunks++;
    ends_well(MESSAGES);
}
END_TEST

START_TEST(answered_twice)
{
    int chunks = 1;
    while (with(LINE_ANSWER_TWICE, chunks))
        chunks++;
    ends_well(MESSAGES);
}
END_TEST

/* A message arrives after messages of the next connection. */
START_TEST(out_of_order)
{
    bool did = true;
    for (int chunks = 1; did; chunks++) {
        did = false;
        for (int by = 1; by <= 9; by++) {
            if (!is_brief() || chunks % 9 + 1 == by)
                did = overtaken(chunks, by) || did;
        }
    }
    ends_well(is_brief() ? MESSAGES : 9 * MESSAGES);
}
END_TEST

int main(void)
{
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("messages pg");
    TCase *tcase = tcase_create("messages");
    tcase_set_timeout(tcase, 240);
    postgres_fixture(tcase, false);
    tcase_add_unchecked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, lost_or_late);
    tcase_add_test(tcase, arrives_twice);
    tcase_add_test(tcase, answered_twice);
    tcase_add_test(tcase, out_of_order);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
