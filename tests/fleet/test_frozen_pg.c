/* SPDX-License-Identifier: ISC */
/*
 * A site is frozen while it writes: its turn ends, the other sites go on writing, and what it
 * reports when it continues is true. Here the time limit of a turn is one second instead of 10;
 * test_torture_pg uses the real one.
 */
#include "fleet/journal_calls.h"
#include "fleet/pg_fleet.h"

#include "fleet/line.h"

#include <signal.h>
#include <unistd.h>

#define SECONDS_MAX 30 /* invariant: a turn ends within this time */

static struct pg_fleet pg;

static void setup(void)
{
    char command[8400];
    pg_fleet_begin(&pg, 2);
    const char *programs = temp_folder();
    snprintf(command, sizeof command, "cp '%s' '%s'", ctl_path(), programs);
    ck_assert_int_eq(system(command), 0);
    copy_altered(in_folder(programs, "esp_journal_pg.so"), "session_timeout = '10s'",
                 "session_timeout =  '1s'");
    pg.ctl = keep_string(strdup(in_folder(programs, "esp-tokenctl")));
}

/* The other site can write within SECONDS_MAX. */
static void the_other_writes(const char *name)
{
    const time_t begun = time(NULL);
    while (
        AT(pg.fleet.site[0], "entity", "add", name, "--kind", "customer", "--wait", "30").status !=
        0)
        ck_assert_int_lt(time(NULL) - begun, SECONDS_MAX);
    ck_assert_int_le(time(NULL) - begun, SECONDS_MAX);
    ck_assert_int_eq(pg_fleet_entries(&pg, name), 1);
}

/* True: the frozen site has the turn. */
static bool is_refused_meanwhile(void)
{
    const char *before = DONE(pg.fleet.site[0], "entity", "list");
    struct run run = AT(pg.fleet.site[0], "entity", "edit", "acme", "--contact", "", "--wait", "0");
    if (run.status == 0)
        return false;
    fleet_says(run, 5, "another site is writing");
    fleet_says(run, 5, "hq-2");
    fleet_says(run, 5, "nothing was changed");
    ck_assert_str_eq(AT(pg.fleet.site[0], "entity", "list").out, before);
    return true;
}

/* Freezes the site while it waits for the answer to message number `chunks`. False: its command has
   no such message. */
static bool freeze(int chunks, int *ret_refused)
{
    char name[2][40], command[128];
    pg_fleet_reach(&pg, 1, line_begin(LINE_STOP_AFTER, chunks));
    for (int site = 0; site < 2; site++)
        snprintf(name[site], sizeof name[site], "frozen-%d-%d-end", chunks, site);
    snprintf(command, sizeof command, "entity add %s --kind customer", name[1]);
    const pid_t frozen = pg_fleet_command(&pg, 1, command);
    while (!line_stopped() && !pg_fleet_has_ended(frozen))
        usleep(2000);
    const bool did = line_stopped();
    if (did) {
        ck_assert_int_eq(kill(frozen, SIGSTOP), 0);
        line_go_on();
        *ret_refused += is_refused_meanwhile();
        the_other_writes(name[0]);
        ck_assert_int_eq(kill(frozen, SIGCONT), 0);
    }
    const int status = pg_fleet_ended(frozen);
    line_end();
    pg_fleet_reach(&pg, 1, postgres_port());
    pg_fleet_is_true(&pg, name[1], status);
    return did;
}

START_TEST(at_each_message)
{
    int chunks = 1, refused = 0;
    while (freeze(chunks, &refused))
        chunks++;
    ck_assert_int_ge(chunks, 8);
    ck_assert_int_ge(refused, 3); /* lock, clock, INSERT */
    fleet_same(&pg.fleet, 0, 1);
    DONE(pg.fleet.site[1], "check");
}
END_TEST

#define WAITS                                                                                    \
    "SELECT (count(*) = %d)::int FROM pg_locks WHERE relation = 'esp_token_turn'::regclass AND " \
    "NOT granted"

static void until_waiting(int count)
{
    char sql[256];
    snprintf(sql, sizeof sql, WAITS, count);
    postgres_until(pg.database, sql);
}

/* The site is frozen while it reads a long entry, which was added while it waited for the turn. It
   reads such an entry outside the turn, because a server that is sending does not count as idle. */
START_TEST(in_a_long_read)
{
    enum { LINES = 600 };
    static char lines[LINES * 80];
    char command[5000];
    size_t len = 0;
    FILE *turn = postgres_session(pg.database);
    for (int i = 0; i < LINES; i++)
        len += (size_t)snprintf(lines + len, sizeof lines - len, "long-%d-%050d customer\n", i, i);
    file_text(in_folder(pg.fleet.site[0].folder, "lines"), lines);
    fputs("BEGIN; LOCK TABLE esp_token_turn IN SHARE UPDATE EXCLUSIVE MODE;\n", turn);
    postgres_until(pg.database, "SELECT count(*) FROM pg_locks WHERE relation = "
                                "'esp_token_turn'::regclass AND granted");
    snprintf(command, sizeof command, "entity add --from %s/lines", pg.fleet.site[0].folder);
    struct pg_fleet usual = pg;
    usual.ctl = ctl_path();
    const pid_t writer = pg_fleet_command(&usual, 0, command);
    until_waiting(1);
    pg_fleet_reach(&pg, 1, line_begin(LINE_STOP_LONG, 0));
    const pid_t frozen = pg_fleet_command(&pg, 1, "entity add behind-the-long-one --kind customer");
    until_waiting(2);
    fputs("COMMIT;\n", turn);
    ck_assert_int_eq(pg_fleet_ended(writer), 0);
    while (!line_stopped()) {
        ck_assert_msg(!pg_fleet_has_ended(frozen), "%s",
                      file_read(in_folder(pg.fleet.site[1].folder, "said"), NULL));
        usleep(2000);
    }
    ck_assert_int_eq(kill(frozen, SIGSTOP), 0);
    DONE(pg.fleet.site[0], "entity", "add", "beside-the-frozen-one", "--kind", "customer", "--wait",
         "0"); /* works at once, because the frozen site does not have the turn */
    line_go_on();
    ck_assert_int_eq(kill(frozen, SIGCONT), 0);
    const int status = pg_fleet_ended(frozen);
    line_end();
    pg_fleet_reach(&pg, 1, postgres_port());
    pg_fleet_is_true(&pg, "behind-the-long-one", status);
    postgres_session_end(turn); /* only now, because the commands inherited its input pipe */
    fleet_same(&pg.fleet, 0, 1);
}
END_TEST

int main(void)
{
    conformance_kind = "pg";
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("frozen pg");
    TCase *tcase = tcase_create("frozen");
    tcase_set_timeout(tcase, 240);
    postgres_fixture(tcase, false);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, at_each_message);
    tcase_add_test(tcase, in_a_long_read);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
