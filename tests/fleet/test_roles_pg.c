/* SPDX-License-Identifier: ISC */
/* The roles of plugins/journal/pg/roles.sql: each allows what its members need, and nothing else.
 */
#include "fleet/journal_calls.h"

#include "fleet/postgres.h"

static const char *database;

/* Makes the role `name`, a member of the role `in` of roles.sql. Returns settings to log in as it.
 */
static const char *role(const char *name, const char *in)
{
    char sql[256];
    snprintf(sql, sizeof sql, "DROP ROLE IF EXISTS \"%s\"; CREATE ROLE \"%s\" LOGIN IN ROLE %s",
             name, name, in);
    postgres_sql(database, sql);
    return postgres_settings(postgres_port(), name, database, "");
}

static void forbidden(const char *name, const char *sql)
{
    char whole[512];
    snprintf(whole, sizeof whole,
             "SET ROLE \"%s\"; DO $$ BEGIN EXECUTE $sql$%s$sql$; RAISE 'allowed'; EXCEPTION WHEN "
             "insufficient_privilege THEN NULL; END $$",
             name, sql);
    postgres_sql(database, whole);
}

static void count_is(const char *name, const char *sql, const char *count)
{
    char whole[512];
    snprintf(whole, sizeof whole, "SET ROLE \"%s\"; %s", name, sql);
    const char *out = postgres_sql(database, whole);
    ck_assert_msg(strncmp(out, count, strlen(count)) == 0, "%s: %s", sql, out);
}

static int count_reports(void *arg, const char *name, const uint8_t *bytes, size_t len)
{
    (void)name;
    (void)bytes;
    (void)len;
    ++*(int *)arg;
    return 0;
}

static int put_text(const espt_journal_plugin *p, espt_journal *j, const char *name)
{
    return p->put(j, name, (const uint8_t *)"x", 1, said, sizeof said);
}

static int report(const espt_journal_plugin *p, espt_journal *j, const char *name)
{
    return p->report_put(j, name, (const uint8_t *)"x", 1, said, sizeof said);
}

static void may_as_site(const espt_journal_plugin *p)
{
    espt_journal *j = opened(p, role("hq-2", "esp_token_site"), "hq-2");
    int reports = 0;
    has(p, j, 1, "one");
    ck_assert_int_eq(p->hold(j, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, j, 2, "two"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, j, 2, "two"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, j, 2, "TWO"), ESPT_JOURNAL_TAKEN);
    ck_assert_int_eq(put_text(p, j, "piece"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(put_text(p, j, "edge-piece"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(report(p, j, "hq-2"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(report(p, j, "edge-2"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->report_each(j, count_reports, &reports, said, sizeof said), 0);
    ck_assert_int_eq(reports, 2);
    ck_assert_int_eq(p->trim(j, 2, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->drop(j, "piece", said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->head_put(j, (const uint8_t *)"x", 1, said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    p->close(j);
    static const char *const never[] = {
        "DELETE FROM esp_token_entry",  "UPDATE esp_token_entry SET number = 9",
        "TRUNCATE esp_token_entry",     "UPDATE esp_token_piece SET name = 'x'",
        "DELETE FROM esp_token_piece",  "UPDATE esp_token_head SET version = 9",
        "DELETE FROM esp_token_report", "LOCK TABLE esp_token_entry IN EXCLUSIVE MODE",
    };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        forbidden("hq-2", never[i]);
}

static void may_as_publisher(const espt_journal_plugin *p)
{
    espt_journal *j = opened(p, role("hq-3", "esp_token_publisher"), "hq-3");
    uint64_t first, last;
    ck_assert_int_eq(append(p, j, 3, "three"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(put_text(p, j, "old"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->drop(j, "old", said, sizeof said), ESPT_JOURNAL_DONE);
    for (int twice = 0; twice < 2; twice++)
        ck_assert_int_eq(p->head_put(j, (const uint8_t *)"head", 4, said, sizeof said), 0);
    ck_assert_int_eq(p->trim(j, 2, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(first, 2);
    p->close(j);
    forbidden("hq-3", "UPDATE esp_token_entry SET number = 9");
    forbidden("hq-3", "TRUNCATE esp_token_entry");
    forbidden("hq-3", "UPDATE esp_token_piece SET bytes = ''");
}

static void may_as_edge(const espt_journal_plugin *p)
{
    const char *settings = role("edge-1", "esp_token_edge");
    espt_journal *j = opened_for(p, settings, "edge-1", ESPT_JOURNAL_EDGE);
    espt_journal_entry entry;
    const uint8_t *bytes;
    size_t len;
    uint64_t first, last;
    int reports = 0;
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->wait(j, 1, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->read(j, 2, &entry, said, sizeof said), ESPT_JOURNAL_DONE);
    same_bytes(entry.edge, entry.edge_len, (const uint8_t *)"two", 1);
    ck_assert_int_eq(p->head_get(j, &bytes, &len, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->get(j, "edge-piece", &bytes, &len, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->get(j, "piece", &bytes, &len, said, sizeof said), ESPT_JOURNAL_NONE);
    for (int twice = 0; twice < 2; twice++)
        ck_assert_int_eq(report(p, j, "edge-1"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(report(p, j, "edge-2"), ESPT_JOURNAL_FAILED); /* another edge's report */
    ck_assert_int_eq(report(p, j, "edge-3"), ESPT_JOURNAL_FAILED); /* a new report */
    ck_assert_int_eq(p->report_each(j, count_reports, &reports, said, sizeof said), 0);
    ck_assert_int_eq(reports, 1);
    ck_assert_int_eq(append(p, j, 4, "four"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(put_text(p, j, "edge-x"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->head_put(j, (const uint8_t *)"x", 1, said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->trim(j, 3, said, sizeof said), ESPT_JOURNAL_FAILED);
    p->close(j);
    j = opened(p, settings, "edge-1"); /* it asks for more than it may see */
    ck_assert_int_eq(p->read(j, 2, &entry, said, sizeof said), ESPT_JOURNAL_FAILED);
    p->close(j);
    static const char *const never[] = {
        "SELECT log FROM esp_token_entry",
        "SELECT octet_length(vault) FROM esp_token_entry",
        "SELECT * FROM esp_token_entry",
        "DELETE FROM esp_token_report",
        "DELETE FROM esp_token_piece",
        "INSERT INTO esp_token_piece VALUES ('edge-x', '')",
        "INSERT INTO esp_token_report VALUES ('edge-9', '')",
        "UPDATE esp_token_report SET name = 'edge-9'",
    };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        forbidden("edge-1", never[i]);
    count_is("edge-1", "SELECT count(*) FROM esp_token_piece", "1");
    count_is("edge-1", "UPDATE esp_token_report SET bytes = 'y' WHERE name = 'edge-2'", "");
    count_is("hq-2", "SELECT count(*) FROM esp_token_report WHERE bytes = 'y'", "0");
}

/* --- no other role can block writers --- */

static void locks_no_table(const char *name)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "SET ROLE \"%s\"; DO $$ DECLARE t text; m text; BEGIN FOREACH t IN ARRAY "
             "'{entry,piece,head,report,turn}'::text[] LOOP FOREACH m IN ARRAY '{ROW SHARE,ROW "
             "EXCLUSIVE,SHARE UPDATE EXCLUSIVE,SHARE,SHARE ROW EXCLUSIVE,EXCLUSIVE,ACCESS "
             "EXCLUSIVE}'::text[] LOOP BEGIN EXECUTE format('LOCK TABLE esp_token_%%s IN %%s "
             "MODE', t, m); RAISE 'allowed: %% %%', t, m; EXCEPTION WHEN insufficient_privilege "
             "THEN NULL; END; END LOOP; END LOOP; END $$",
             name);
    postgres_sql(database, sql);
    forbidden(name, "SELECT FROM esp_token_turn FOR KEY SHARE");
    forbidden(name, "SELECT FROM esp_token_head FOR KEY SHARE");
}

/* Begins a session that takes every lock that a role can get without any rights: an advisory lock
   (this number was the turn once), and, by PREPARE, ROW EXCLUSIVE on each table. */
static FILE *begin_nuisance(const char *name)
{
    static const char *const tables[] = {"entry", "piece", "head", "report", "turn"};
    FILE *session = postgres_session(database);
    fprintf(session, "SET ROLE \"%s\"; BEGIN;\n", name);
    fputs("DO $$BEGIN PERFORM pg_advisory_xact_lock(7310593857880516974); END$$;\n", session);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        fprintf(session, "PREPARE p%zu AS DELETE FROM esp_token_%s;\n", i, tables[i]);
    postgres_until(database, "SELECT (count(*) = 5)::int FROM pg_locks WHERE mode = "
                             "'RowExclusiveLock' AND relation::regclass::text LIKE 'esp_token_%'");
    return session;
}

static void hold_up_nobody(const espt_journal_plugin *p, const char *name, uint64_t number)
{
    locks_no_table(name);
    FILE *nuisance = begin_nuisance(name);
    espt_journal *j = opened(p, role("hq-4", "esp_token_site"), "hq-4"),
                 *other = opened(p, role("hq-5", "esp_token_publisher"), "hq-5");
    ck_assert_msg(p->hold(j, 2000, said, sizeof said) == ESPT_JOURNAL_DONE, "%s: %s", name, said);
    ck_assert_int_eq(p->hold(other, 1, said, sizeof said), ESPT_JOURNAL_BUSY);
    ck_assert_str_eq(said, "hq-4");
    ck_assert_int_eq(p->keep(j, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, j, number, "more"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(put_text(p, j, name), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(report(p, j, "hq-4"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->head_put(other, (const uint8_t *)"head", 4, said, sizeof said), 0);
    ck_assert_int_eq(p->trim(other, number, said, sizeof said), ESPT_JOURNAL_DONE);
    p->close(j);
    p->close(other);
    fputs("ROLLBACK;\n", nuisance);
    ck_assert_str_eq(postgres_session_end(nuisance), "");
}

static void strangers_stay_out(const espt_journal_plugin *p)
{
    uint64_t first, last;
    postgres_sql(database, "DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN");
    espt_journal *j =
        opened(p, postgres_settings(postgres_port(), "stranger", database, ""), "stranger");
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_ptr_nonnull(strstr(said, "permission denied for database"));
    p->close(j);
}

/* Each role can do what it needs through the plugin, and nothing else in SQL. roles.sql can be run
   again. */
START_TEST(least_rights)
{
    const espt_journal_plugin *p = load();
    database = postgres_database();
    espt_journal *j = opened(p, postgres_settings(postgres_port(), "admin", database, ""), "owner");
    ck_assert_int_eq(append(p, j, 1, "one"), ESPT_JOURNAL_DONE);
    p->close(j);
    char *roles = file_read(OUT "/../../plugins/journal/pg/roles.sql", NULL);
    ck_assert_ptr_nonnull(roles);
    postgres_sql(database, roles);
    postgres_sql(database, roles);
    may_as_site(p);
    may_as_publisher(p);
    may_as_edge(p);
    strangers_stay_out(p);
    hold_up_nobody(p, "edge-1", 4);
    hold_up_nobody(p, "stranger", 5);
}
END_TEST

int main(void)
{
    conformance_kind = "pg";
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("roles pg");
    TCase *tcase = tcase_create("roles");
    tcase_set_timeout(tcase, 120);
    postgres_fixture(tcase, false);
    tcase_add_test(tcase, least_rights);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
