/* SPDX-License-Identifier: ISC */
/*
 * The PostgreSQL server crashes at each message of a command, while another site writes. Once the
 * server runs again, what both commands reported is true.
 */
#include "fleet/pg_fleet.h"

#include "fleet/line.h"

#include <signal.h>
#include <unistd.h>

static struct pg_fleet pg;

static void setup(void)
{
    pg_fleet_begin(&pg, 2);
}

static pid_t add(int site, const char *name)
{
    char command[128];
    snprintf(command, sizeof command, "entity add %s --kind customer", name);
    return pg_fleet_command(&pg, site, command);
}

/* Crashes the server after the command has sent message number `chunks`: before the message
   arrives, or before its answer does. False: the command has no such message. */
static bool crash(enum line_fault fault, int chunks, int signal_number)
{
    char name[2][40];
    pid_t command[2];
    pg_fleet_reach(&pg, 1, line_begin(fault, chunks));
    for (int site = 0; site < 2; site++) {
        snprintf(name[site], sizeof name[site], "crash-%d-%d-%d-%d-end", (int)fault, chunks,
                 signal_number, site);
        command[site] = add(site, name[site]);
    }
    while (!line_stopped() && !pg_fleet_has_ended(command[1]))
        usleep(2000);
    const bool did = line_stopped();
    if (did) {
        postgres_stop(signal_number);
        line_go_on();
        postgres_again();
    }
    for (int site = 0; site < 2; site++)
        pg_fleet_is_true(&pg, name[site], pg_fleet_ended(command[site]));
    line_end();
    pg_fleet_reach(&pg, 1, postgres_port());
    return did;
}

/* A short run crashes the server once for each message, after it has answered, and the answer is
   lost. With ESPT_TORTURE_SECONDS it crashes also before the message arrives, with each signal. */
START_TEST(at_each_message)
{
    static const struct {
        enum line_fault fault;
        int signal;
    } ways[] = {{LINE_STOP_LOSE, SIGKILL},
                {LINE_STOP_LOSE, SIGQUIT},
                {LINE_STOP_BEFORE, SIGKILL},
                {LINE_STOP_BEFORE, SIGQUIT}};
    const bool is_brief = getenv("ESPT_TORTURE_SECONDS") == NULL;
    int crashes = 0;
    bool did = true;
    for (int chunks = 1; did; chunks++) {
        did = false;
        for (int way = 0; way < 4; way++) {
            if (!is_brief || way == chunks % 2)
                did = crash(ways[way].fault, chunks, ways[way].signal) || did;
        }
        crashes += did;
    }
    ck_assert_int_ge(crashes, 6); /* one for each message that test_messages_pg.c lists */
    fleet_same(&pg.fleet, 0, 1);
    for (int site = 0; site < 2; site++)
        DONE(pg.fleet.site[site], "check");
    printf("it crashed at %d messages\n", crashes);
}
END_TEST

int main(void)
{
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("crash pg");
    TCase *tcase = tcase_create("crash");
    tcase_set_timeout(tcase, 240);
    postgres_fixture(tcase, true);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, at_each_message);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
