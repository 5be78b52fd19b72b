/* SPDX-License-Identifier: ISC */
/* Failover to a PostgreSQL standby that lacks the last entries. */
#include "fleet/journal_calls.h"
#include "fleet/pg_fleet.h"

/* Makes and starts a standby of the server. */
static void begin_standby(void)
{
    char command[1024];
    snprintf(command, sizeof command,
             "pg_basebackup -h '%s' -p %d -U admin -D standby -N -R -X stream -c fast",
             postgres_folder(), postgres_port());
    postgres_plain(command);
    snprintf(command, sizeof command,
             "pg_ctl -D standby -l standby.log -w -o '-p %d -c listen_addresses=127.0.0.1 -c "
             "unix_socket_directories= -c max_connections=40' start >>standby.log",
             postgres_free_port());
    postgres_plain(command);
}

/* Stops the standby once it has everything so far, so that it misses what comes later. */
static void stop_standby(const char *database)
{
    postgres_until(database, "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= "
                             "pg_current_wal_lsn()");
    postgres_plain("pg_ctl -D standby -m fast -w stop >>standby.log");
}

/* Kills the server, and starts the standby in its place, not promoted yet. */
static void use_standby(void)
{
    postgres_stop(SIGKILL);
    postgres_use("standby");
}

/* The journal after a failover: the entries that the standby lacks are lost, and their numbers are
   used again, in order. */
START_TEST(journal_after_a_promotion)
{
    const espt_journal_plugin *p = load();
    uint64_t first, last;
    const char *database = postgres_database();
    const char *settings = postgres_settings(postgres_port(), "admin", database, "");
    espt_journal *j = opened(p, settings, "one");
    for (uint64_t number = 1; number <= 3; number++)
        ck_assert_int_eq(append(p, j, number, "kept"), ESPT_JOURNAL_DONE);
    begin_standby();
    ck_assert_int_eq(append(p, j, 4, "streamed"), ESPT_JOURNAL_DONE);
    stop_standby(database);
    ck_assert_int_eq(append(p, j, 5, "lost"), ESPT_JOURNAL_DONE);
    use_standby();
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_FAILED);
    /* before its promotion the standby can be read, and refuses writes */
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(last, 4);
    ck_assert_int_eq(append(p, j, 5, "other"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->hold(j, 0, said, sizeof said), ESPT_JOURNAL_FAILED);
    postgres_sql(database, "SELECT pg_promote()");
    lacks(p, j, 6);
    ck_assert_int_eq(append(p, j, 6, "after the lost one"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(append(p, j, 5, "other"), ESPT_JOURNAL_DONE);
    p->close(j);
    j = opened(p, settings, "two");
    has(p, j, 4, "streamed");
    has(p, j, 5, "other");
    p->close(j);
}
END_TEST

static struct pg_fleet pg;

static const char *journal_bytes(void)
{
    return keep_string(strdup(postgres_sql(
        pg.database, "SELECT md5(string_agg(head || log || edge || vault, '' ORDER BY number)) "
                     "FROM esp_token_entry")));
}

/* Asserts that the site refuses a change with these words. */
static void refused(int site, const char *words)
{
    const struct member *member = &pg.fleet.site[site];
    const char *before = DONE(*member, "entity", "list", "--stale"), *journal = journal_bytes();
    struct run run = AT(*member, "entity", "add", "never", "--kind", "customer", "--wait", "0");
    fleet_says(run, 5, words);
    ck_assert_str_eq(run.out, "");
    ck_assert_str_eq(DONE(*member, "entity", "list", "--stale"), before);
    ck_assert_str_eq(journal_bytes(), journal);
}

/* Two sites that have the lost entries report it. One of them puts the entries back, byte for byte,
   and both go on. */
START_TEST(sites_after_a_promotion)
{
    char words[128];
    pg_fleet_begin(&pg, 2);
    begin_standby();
    DONE(pg.fleet.site[0], "create", "acme", "streamed");
    const uint64_t last = fleet_entry(&pg.fleet, 1);
    stop_standby(pg.database);
    DONE(pg.fleet.site[1], "create", "acme", "lost");
    DONE(pg.fleet.site[0], "entity", "add", "lost-too", "--kind", "customer");
    fleet_same(&pg.fleet, 0, 1);
    const char *before = journal_bytes();
    use_standby();
    refused(0, "nothing was changed"); /* the standby is still read-only */
    struct run run = AT(pg.fleet.site[0], "entity", "list");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "lost-too"));
    postgres_sql(pg.database, "SELECT pg_promote()");
    snprintf(words, sizeof words, "journal ends at entry %llu, and this store has entry %llu",
             (unsigned long long)last, (unsigned long long)last + 2);
    for (int site = 0; site < 2; site++) {
        refused(site, words);
        refused(site, "run 'esp-tokenctl fleet refill'");
        ck_assert_int_eq(AT(pg.fleet.site[site], "entity", "show", "lost-too").status, 0);
    }
    DONE(pg.fleet.site[1], "fleet", "refill");
    ck_assert_str_eq(journal_bytes(), before);
    fleet_same(&pg.fleet, 0, 1);
    for (int site = 0; site < 2; site++) {
        DONE(pg.fleet.site[site], "entity", "edit", "lost-too", "--status",
             site == 0 ? "inactive" : "active");
        DONE(pg.fleet.site[site], "check");
    }
    fleet_same(&pg.fleet, 0, 1);
}
END_TEST

int main(void)
{
    conformance_kind = "pg";
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("standby pg");
    TCase *tcase = tcase_create("standby");
    tcase_set_timeout(tcase, 120);
    postgres_fixture(tcase, true);
    tcase_add_test(tcase, journal_after_a_promotion);
    tcase_add_test(tcase, sites_after_a_promotion);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
