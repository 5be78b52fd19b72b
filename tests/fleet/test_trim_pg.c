/* SPDX-License-Identifier: ISC */
/* A publisher with the least rights trims a journal in PostgreSQL, also while an edge keeps a
   transaction open. New members can join, and members that are behind can go on. */
#include "fleet/daemon.h"
#include "fleet/postgres.h"
#include "fleet/trimmed.h"

#include <signal.h>
#include <unistd.h>

static struct fleet_of fleet; /* 0 publishes, 1 writes, 2 is an edge that was away */
static struct publisher publisher;
static const char *database;

static void setup(void)
{
    ck_assert(postgres_start());
}

static void teardown(void)
{
    postgres_stop(SIGINT);
}

/* Gives the member its own role, a member of the role `in` of roles.sql, and settings for it. */
static void use_role(int member, const char *in)
{
    char text[512], sql[512];
    const char *name = fleet.site[member].name;
    snprintf(sql, sizeof sql, "DROP ROLE IF EXISTS \"%s\"; CREATE ROLE \"%s\" LOGIN IN ROLE %s",
             name, name, in);
    postgres_sql(database, sql);
    const int len =
        snprintf(text, sizeof text, "host = 127.0.0.1\nport = %d\nuser = %s\ndbname = %s\n",
                 postgres_port(), name, database);
    file_write(in_folder(fleet.site[member].folder, "journal.conf"), text, (size_t)len, 0600);
}

static void begin(void)
{
    static char settings[512];
    database = postgres_database();
    snprintf(settings, sizeof settings, "host = 127.0.0.1\nport = %d\nuser = admin\ndbname = %s\n",
             postgres_port(), database);
    fleet.pg = settings;
    fleet_folders(&fleet, 3);
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    postgres_sql(database, file_read(OUT "/../../plugins/journal/pg/roles.sql", NULL));
    fleet_let_in(&fleet, 1);
    use_role(0, "esp_token_publisher");
    use_role(1, "esp_token_site");
    use_role(2, "esp_token_edge");
    fleet_let_in_edge(&fleet, 2);
    feed_allow_many(&fleet);
    publisher_prepare(&publisher, &fleet);
}

START_TEST(trimmed)
{
    struct daemon_of follower = {0};
    begin();
    FILE *idle = postgres_session(database);
    fputs("SET ROLE \"hq-3\"; BEGIN; SELECT count(number) FROM esp_token_entry;\n"
          "PREPARE p AS DELETE FROM esp_token_entry;\nSELECT pg_notify('x', '');\n",
          idle);
    postgres_until(database, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in "
                             "transaction' AND query LIKE '%pg_notify%'");
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    trim_far(&fleet, &publisher);
    newcomers_join(&fleet);
    fputs("ROLLBACK;\n\\q\n", idle); /* \q, because the publisher keeps the pipe open */
    postgres_session_end(idle);
    fleet_same(&fleet, 0, 1);
    daemon_start(&follower, &fleet.site[2], "follow");
    UNTIL(daemon_says(&follower, "began again with the snapshot at entry"));
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    fleet_same_edge(&fleet, 2, 0);
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    ck_assert_str_eq(postgres_sql(database, "SELECT count(*) FROM esp_token_piece WHERE name LIKE "
                                            "'%-snapshot'"),
                     "0\n");
}
END_TEST

/* Returns how many lines of the log say that something is not permitted. Each has the remedy.
   A failure is not reported again until something else was reported. */
static int denials(const char *log)
{
    static const char remedy[] =
        "; 'fleet publish' needs the rights of esp_token_publisher: run roles.sql, and GRANT "
        "esp_token_publisher to the role of this site\n";
    int count = 0;
    size_t before_len = 0;
    for (const char *line = log, *before = log; *line != '\0';) {
        const size_t len = strcspn(line, "\n") + 1;
        ck_assert_msg(len != before_len || memcmp(line, before, len) != 0, "repeats: %s", log);
        const char *denied = memmem(line, len, "permission denied for table ", 28);
        if (denied != NULL) {
            const char *end = strchr(denied, ';');
            ck_assert_msg(end != NULL && strncmp(end, remedy, strlen(remedy)) == 0, "%s", log);
            count++;
        }
        before = line;
        before_len = len;
        line += len;
    }
    return count;
}

static bool says_role(const char *table)
{
    char words[64];
    snprintf(words, sizeof words, "permission denied for table %s;", table);
    const char *said = file_read(publisher.log, NULL);
    /* a line that is not whole yet is waited for */
    return said != NULL && strstr(said, words) != NULL && said[strlen(said) - 1] == '\n' &&
           denials(said) > 0;
}

/* A publisher with the role of a site cannot put a head. If it may put heads but remove nothing, it
   publishes, and the journal is not trimmed: it says that it may not remove pieces or, while it
   makes a snapshot and leaves the pieces alone, entries. Once it has all rights, it trims by
   itself. */
START_TEST(role_of_a_site)
{
    begin();
    use_role(0, "esp_token_site");
    publisher_start(&publisher);
    AWAIT(says_role("esp_token_head"));
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    ck_assert_int_eq(denials(file_read(publisher.log, NULL)), 1);
    unlink(publisher.log);
    postgres_sql(database, "REVOKE DELETE ON esp_token_entry, esp_token_piece FROM "
                           "esp_token_publisher; GRANT esp_token_publisher TO \"hq-1\"");
    const uint64_t first = journal_first(&fleet);
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    const uint64_t next = feed_far(&fleet, &publisher);
    AWAIT(says_role("esp_token_piece"));
    DONE(fleet.site[1], "entity", "edit", "acme", "--status", "inactive");
    publisher_await(&publisher, fleet_last(&fleet));
    ck_assert_uint_eq(journal_first(&fleet), first);
    newcomers_join(&fleet);
    postgres_sql(database, "GRANT DELETE ON esp_token_entry, esp_token_piece TO "
                           "esp_token_publisher");
    AWAIT(journal_begins(&fleet, next)); /* or later: there may be another snapshot by now */
    newcomers_join(&fleet);
    ck_assert(says_role("esp_token_piece")); /* and nothing twice meanwhile */
    ck_assert_ptr_null(strstr(file_read(publisher.log, NULL), "esp_token_head"));
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
}
END_TEST

int main(void)
{
    if (access("/usr/lib/postgresql", F_OK) != 0) {
        puts("SKIPPED TEST: PostgreSQL is not installed");
        return EXIT_SUCCESS;
    }
    Suite *suite = suite_create("trim pg");
    TCase *tcase = tcase_create("trim");
    tcase_set_timeout(tcase, 240);
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, trimmed);
    tcase_add_test(tcase, role_of_a_site);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
