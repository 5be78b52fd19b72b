/* SPDX-License-Identifier: ISC */
/* fleet follow over PostgreSQL, each member with its own role: an edge sees no more than its role
   allows; the server stops, or hangs. */
#include "fleet/daemon.h"
#include "fleet/postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define EDGE 2
#define MINUTE 60

static struct fleet_of fleet;
static struct daemon_of follower;
static const char *database, *text; /* of the token acme/web */

/* A member connects as the role of its name. */
static void connect_as(int member, const char *user)
{
    fleet.pg = postgres_settings(postgres_port(), user, database, "");
    fleet_fault(&fleet, member, NULL);
}

static void role(int member, const char *in)
{
    char sql[256];
    const char *name = fleet.site[member].name;
    snprintf(sql, sizeof sql, "DROP ROLE IF EXISTS \"%s\"; CREATE ROLE \"%s\" LOGIN IN ROLE %s",
             name, name, in);
    postgres_sql(database, sql);
    connect_as(member, name);
}

/* Two sites and an edge. */
static void begin(void)
{
    database = postgres_database();
    fleet.pg = "";
    fleet_folders(&fleet, 3);
    connect_as(0, "admin");
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    text = DONE(fleet.site[0], "create", "acme", "web", "-q");
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    postgres_sql(database, file_read(OUT "/../../plugins/journal/pg/roles.sql", NULL));
    role(0, "esp_token_site");
    role(1, "esp_token_site");
    role(EDGE, "esp_token_edge");
    fleet_let_in(&fleet, 1);
    fleet_let_in_edge(&fleet, EDGE);
    daemon_start(&follower, &fleet.site[EDGE], "follow");
}

static int verify(void)
{
    return CTL(fleet.site[EDGE].config, text, "verify").status;
}

static void set_status(int site, const char *status)
{
    DONE(fleet.site[site], "edit", "acme/web", "--status", status);
}

START_TEST(an_edge_with_the_role_of_edges)
{
    begin();
    ck_assert_int_eq(verify(), 0);
    for (int i = 0; i < 6; i++) {
        set_status(i % 2, i % 2 == 0 ? "inactive" : "active");
        UNTIL(verify() == (i % 2 == 0));
    }
    DONE(fleet.site[0], "entity", "add", "bolt", "--kind", "customer", "--reseller", "acme");
    DONE(fleet.site[1], "entity", "edit", "acme", "--status", "inactive");
    UNTIL(verify() == 1);
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    ck_assert_int_eq(daemon_count(&follower, "\n"), 1);
    fleet_same_edge(&fleet, EDGE, 0);
    DONE(fleet.site[EDGE], "check");
    /* its role cannot read the vault */
    char sql[256];
    snprintf(sql, sizeof sql,
             "SET ROLE \"%s\"; DO $$ BEGIN PERFORM vault FROM esp_token_entry; RAISE 'allowed'; "
             "EXCEPTION WHEN insufficient_privilege THEN NULL; END $$",
             fleet.site[EDGE].name);
    postgres_sql(database, sql);
}
END_TEST

/* The server stops and starts again: the follower says so once and goes on, and hosts still answer.
 */
START_TEST(server_away)
{
    begin();
    UNTIL(daemon_says(&follower, "following from entry"));
    for (int i = 0; i < 2; i++) {
        postgres_stop(i == 0 ? SIGINT : SIGKILL);
        UNTIL(daemon_count(&follower, "the fleet's journal") > i);
        ck_assert_int_eq(verify(), i);
        postgres_again();
        UNTIL(daemon_count(&follower, "following again from entry") > i);
        set_status(i, i == 0 ? "inactive" : "active");
        UNTIL(verify() == (i == 0));
    }
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    fleet_same_edge(&fleet, EDGE, 0);
}
END_TEST

static pid_t warden; /* 0: nothing is frozen */
static int warden_pipe;

/* Stops a process of the server. It would outlive the server and this test if they ended before
   thaw(). So a child in a session of its own waits for the end of this process, and then continues
   it. */
static void freeze(pid_t pid)
{
    int ends[2];
    char none;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    warden = fork();
    ck_assert_int_ge(warden, 0);
    if (warden == 0) {
        setsid();
        close(ends[1]);
        (void)!read(ends[0], &none, 1);
        _exit(kill(pid, SIGCONT) != 0);
    }
    close(ends[0]);
    warden_pipe = ends[1];
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
}

static void thaw(void)
{
    if (warden == 0)
        return;
    close(warden_pipe);
    ck_assert_int_eq(waitpid(warden, NULL, 0), warden);
    warden = 0;
}

/* The server process of an open connection is frozen: hosts deny after max_age. */
START_TEST(frozen_server)
{
    char config[8192], sql[256];
    begin();
    const struct member *edge = &fleet.site[EDGE];
    UNTIL(daemon_says(&follower, "following from entry"));
    daemon_end(&follower, SIGTERM);
    snprintf(config, sizeof config, "%smax_age = 1m\n", file_read(edge->config, NULL));
    file_text(edge->config, config);
    edge_set_fresh(edge, time(NULL) - MINUTE + 5);
    ck_assert_int_eq(verify(), 0);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE usename = '%s'",
             edge->name);
    UNTIL(atoi(postgres_sql(database, sql)) == 0); /* the earlier connection has ended */
    daemon_start(&follower, edge, "follow");
    snprintf(sql, sizeof sql, "SELECT pid FROM pg_stat_activity WHERE usename = '%s'", edge->name);
    pid_t server = 0;
    UNTIL((server = atoi(postgres_sql(database, sql))) > 0);
    freeze(server);
    set_status(0, "inactive"); /* which the edge does not see */
    UNTIL(verify() == 5);
    ck_assert_ptr_nonnull(
        strstr(CTL(edge->config, text, "verify").err, "the store is older than max_age"));
    /* the follower gives up that connection, and goes on over a new one */
    UNTIL(verify() == 1);
    thaw();
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    fleet_same_edge(&fleet, EDGE, 0);
}
END_TEST

int main(void)
{
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("follow pg");
    TCase *tcase = tcase_create("follow");
    tcase_set_timeout(tcase, 240);
    postgres_fixture(tcase, true);
    tcase_add_checked_fixture(tcase, NULL, thaw);
    tcase_add_test(tcase, an_edge_with_the_role_of_edges);
    tcase_add_test(tcase, server_away);
    tcase_add_test(tcase, frozen_server);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
