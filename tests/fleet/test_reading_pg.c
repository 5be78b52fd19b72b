/* SPDX-License-Identifier: ISC */
/* The pg journal: entries that are read ahead, reading within the turn, and waiting. */
#include "fleet/journal_calls.h"

#include "fleet/postgres.h"

static const char *database;

/* A database with the tables. */
static const char *begin(const espt_journal_plugin *p)
{
    uint64_t first, last;
    database = postgres_database();
    const char *settings = postgres_settings(postgres_port(), "admin", database, "");
    espt_journal *j = opened(p, settings, "first");
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_NONE);
    p->close(j);
    return settings;
}

static void sql(const char *text)
{
    postgres_sql(database, text);
}

/* Entry N is the text "entry N", followed by `more` bytes. */
static void has_number(const espt_journal_plugin *p, espt_journal *j, uint64_t number, size_t more)
{
    char text[32];
    espt_journal_entry entry;
    const int status = p->read(j, number, &entry, said, sizeof said);
    ck_assert_msg(status == ESPT_JOURNAL_DONE, "%llu: %d: %s", (unsigned long long)number, status,
                  said);
    const size_t len =
        (size_t)snprintf(text, sizeof text, "entry %llu", (unsigned long long)number);
    ck_assert_uint_eq(entry.head_len, len + more);
    ck_assert_mem_eq(entry.head, text, len);
    ck_assert_uint_eq(entry.edge_len, number % 3);
    ck_assert_uint_eq(entry.log_len + entry.vault_len, 2);
}

/* Many short entries, with long ones among them: each is read correctly, in order, backwards and at
   random, and entries that are added later are found. */
START_TEST(read_ahead)
{
    const espt_journal_plugin *p = load();
    const char *settings = begin(p);
    sql("INSERT INTO esp_token_entry SELECT n, ('entry ' || n)::bytea || CASE WHEN n % 500 < 8 "
        "THEN convert_to(repeat('x', 1 << 20), 'UTF8') ELSE '' END, 'l', convert_to(repeat('e', n "
        "% 3), 'UTF8'), 'v' FROM generate_series(3, 2520) AS n");
    espt_journal *j = opened(p, settings, "one");
    for (uint64_t number = 3; number <= 2520; number++)
        has_number(p, j, number, number % 500 < 8 ? 1 << 20 : 0);
    lacks(p, j, 2521);
    for (uint64_t number = 2520; number >= 2490; number--)
        has_number(p, j, number, number % 500 < 8 ? 1 << 20 : 0);
    for (uint64_t i = 0; i < 40; i++) {
        const uint64_t number = 3 + i * 977 % 2518;
        has_number(p, j, number, number % 500 < 8 ? 1 << 20 : 0);
    }
    lacks(p, j, 2);
    sql("INSERT INTO esp_token_entry VALUES (2521, 'entry 2521', 'l', 'e', 'v')");
    has_number(p, j, 2521, 0);
    lacks(p, j, 2522);
    p->close(j);
}
END_TEST

/* Within the turn a long entry is never read, wherever it is; short ones are. */
START_TEST(long_entry_in_the_turn)
{
    const espt_journal_plugin *p = load();
    const char *settings = begin(p);
    espt_journal *j = opened(p, settings, "one");
    espt_journal_entry entry;
    sql("INSERT INTO esp_token_entry SELECT n, ('entry ' || n)::bytea || CASE WHEN n = 70 THEN "
        "convert_to(repeat('x', 100000), 'UTF8') ELSE '' END, 'l', convert_to(repeat('e', n % 3), "
        "'UTF8'), 'v' FROM generate_series(1, 80) AS n");
    ck_assert_int_eq(p->hold(j, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    for (uint64_t number = 1; number < 70; number++)
        has_number(p, j, number, 0);
    ck_assert_int_eq(p->read(j, 70, &entry, said, sizeof said), ESPT_JOURNAL_BUSY);
    has_number(p, j, 71, 0);
    ck_assert_int_eq(p->keep(j, said, sizeof said), ESPT_JOURNAL_DONE);
    lacks(p, j, 81);
    p->release(j);
    has_number(p, j, 70, 100000);
    p->close(j);
}
END_TEST

/* An append that has found the entry before its own, and is not committed yet, has the turn. Until
   it ends, nobody else can remove entries; so no removed entry is added again. */
START_TEST(append_under_way)
{
    const espt_journal_plugin *p = load();
    espt_journal *j = NULL;
    uint64_t first, last;
    const char *settings = begin(p);
    ck_assert_int_eq(p->open(&j, settings, "one", ESPT_JOURNAL_WHOLE, 400, said, sizeof said), 0);
    for (uint64_t number = 1; number <= 5; number++)
        ck_assert_int_eq(append(p, j, number, "entry"), ESPT_JOURNAL_DONE);
    FILE *other = postgres_session(database);
    fputs("BEGIN; LOCK TABLE esp_token_turn IN SHARE UPDATE EXCLUSIVE MODE; INSERT INTO "
          "esp_token_entry SELECT 6, 'x', '', '', '' WHERE EXISTS (SELECT FROM "
          "esp_token_entry WHERE number = 5);\nSELECT pg_notify('x', '');\n",
          other);
    postgres_until(database, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in "
                             "transaction' AND query LIKE '%pg_notify%'");
    ck_assert_int_eq(p->trim(j, 5, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(append(p, j, 6, "entry"), ESPT_JOURNAL_FAILED);
    lacks(p, j, 6);
    fputs("ROLLBACK;\n", other);
    postgres_session_end(other);
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(first, 1);
    ck_assert_uint_eq(last, 5);
    /* an uncommitted entry has the number: it could be an earlier attempt of this append */
    other = postgres_session(database);
    fputs("BEGIN; INSERT INTO esp_token_entry VALUES (6, 'x', '', '', '');\nSELECT pg_notify('x', "
          "'');\n",
          other);
    postgres_until(database, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in "
                             "transaction' AND query LIKE '%pg_notify%'");
    ck_assert_int_eq(append(p, j, 6, "entry"), ESPT_JOURNAL_UNKNOWN);
    fputs("ROLLBACK;\n", other);
    postgres_session_end(other);
    while (p->trim(j, 5, said, sizeof said) != ESPT_JOURNAL_DONE)
        ck_assert_str_ne(said, "");
    ck_assert_int_eq(append(p, j, 6, "entry"), ESPT_JOURNAL_DONE);
    p->close(j);
}
END_TEST

/* A site notices that the server has ended its turn, and can take another one. */
START_TEST(turn_ended_by_the_server)
{
    const espt_journal_plugin *p = load();
    const char *settings = begin(p);
    espt_journal *one = opened(p, settings, "one"), *two = opened(p, settings, "two");
    ck_assert_int_eq(p->hold(one, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->keep(one, said, sizeof said), ESPT_JOURNAL_DONE);
    sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = "
        "'esp_token_turn'::regclass");
    ck_assert_int_eq(p->hold(two, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->keep(one, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(append(p, two, 1, "of two"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, one, 1, "of one"), ESPT_JOURNAL_TAKEN);
    ck_assert_int_eq(p->hold(one, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    p->close(one);
    p->close(two);
}
END_TEST

/* At most 20 members listen; an edge's role may count them, too. */
START_TEST(listeners)
{
    enum { ALL = 23, MOST = 20 };
    const espt_journal_plugin *p = load();
    const char *settings = begin(p);
    const char *as_edge = postgres_settings(postgres_port(), "watcher", database, "");
    espt_journal *j[ALL];
    sql("CREATE ROLE watcher LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher");
    for (int i = 0; i < ALL; i++) {
        j[i] = opened(p, i < ALL / 2 ? settings : as_edge, "a-member");
        ck_assert_int_eq(p->wait(j[i], 0, 0, said, sizeof said), ESPT_JOURNAL_NONE);
    }
    static const char count[] =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a-member (listens)'";
    ck_assert_int_eq(atoi(postgres_sql(database, count)), MOST);
    ck_assert_int_eq(append(p, j[0], 1, "one"), ESPT_JOURNAL_DONE);
    for (int i = 0; i < ALL; i++) {
        ck_assert_int_eq(p->wait(j[i], 0, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
        p->close(j[i]);
    }
}
END_TEST

/* An append and a new head are announced. */
START_TEST(announced)
{
    const espt_journal_plugin *p = load();
    const char *settings = begin(p);
    espt_journal *j = opened(p, settings, "one");
    for (int i = 0; i < 2; i++) {
        FILE *other = postgres_session(database);
        fputs("LISTEN esp_token_journal;\n", other);
        postgres_until(database, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND "
                                 "query LIKE 'LISTEN%'");
        ck_assert_int_eq(i == 0 ? append(p, j, 1, "one")
                                : p->head_put(j, (const uint8_t *)"x", 1, said, sizeof said),
                         ESPT_JOURNAL_DONE);
        fputs("SELECT pg_sleep(0.1);\n", other); /* psql reads notifications after a command */
        ck_assert_ptr_nonnull(strstr(postgres_session_end(other), "\"esp_token_journal\""));
    }
    p->close(j);
}
END_TEST

int main(void)
{
    conformance_kind = "pg";
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("reading pg");
    TCase *tcase = tcase_create("reading");
    tcase_set_timeout(tcase, 120);
    postgres_fixture(tcase, false);
    tcase_add_test(tcase, read_ahead);
    tcase_add_test(tcase, long_entry_in_the_turn);
    tcase_add_test(tcase, append_under_way);
    tcase_add_test(tcase, turn_ended_by_the_server);
    tcase_add_test(tcase, listeners);
    tcase_add_test(tcase, announced);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
