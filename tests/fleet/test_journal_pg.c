/* SPDX-License-Identifier: ISC */
/* The pg journal: what every journal must do, and a server that is slow, silent, restarted, or
   configured to lose commits that it has reported. */
#include "fleet/journal_conformance.h"

#include "fleet/line.h"
#include "fleet/postgres.h"

#include <netinet/in.h>
#include <sys/socket.h>

static const char *database;

static const char *settings_at(int port, const char *more)
{
    return postgres_settings(port, "admin", database, more);
}

static const char *conformance_settings(void)
{
    database = postgres_database();
    return settings_at(postgres_port(), "");
}

START_TEST(settings_and_environment)
{
    espt_journal *j = NULL;
    const espt_journal_plugin *p = load();
    const char *settings = conformance_settings();
    setenv("PGHOST", "/nonexistent", 1);
    setenv("PGOPTIONS", "-c default_transaction_read_only=on", 1);
    setenv("PGPASSWORD", "of the environment", 1);
    j = opened(p, settings, "one");
    ck_assert_int_eq(append(p, j, 1, "one"), ESPT_JOURNAL_DONE);
    ck_assert_ptr_null(getenv("PGOPTIONS"));
    p->close(j);
    j = NULL;
    ck_assert_int_eq(p->open(&j, settings_at(1, "password = secret\npassword = again\n"), "one",
                             ESPT_JOURNAL_WHOLE, 1000, said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_msg(strstr(said, "twice") != NULL && strstr(said, "secret") == NULL, "%s", said);
    ck_assert_int_eq(p->open(&j, settings_at(1, "options = -c x\n"), "one", ESPT_JOURNAL_WHOLE,
                             1000, said, sizeof said),
                     ESPT_JOURNAL_FAILED);
}
END_TEST

/* Whatever the settings of the database are, an entry that is reported as done is durable, and a
   turn sees what was committed before it. */
static void defaults_of_the_server(const espt_journal_plugin *p)
{
    const char *settings = conformance_settings();
    char sql[512];
    snprintf(sql, sizeof sql,
             "ALTER DATABASE %s SET synchronous_commit = off;"
             "ALTER DATABASE %s SET default_transaction_isolation = 'repeatable read'",
             database, database);
    postgres_sql("postgres", sql);
    espt_journal *one = opened(p, settings, "one"), *two = opened(p, settings, "two");
    for (uint64_t number = 1; number <= 20; number++)
        ck_assert_int_eq(append(p, one, number, "kept"), ESPT_JOURNAL_DONE);
    /* within its turn, `one` sees what was committed while it waited for the turn */
    FILE *other = postgres_session(database);
    fputs("BEGIN; LOCK TABLE esp_token_turn IN SHARE UPDATE EXCLUSIVE MODE; INSERT INTO "
          "esp_token_entry SELECT 21, head, log, edge, vault FROM esp_token_entry WHERE number = "
          "20; SELECT pg_sleep(0.3); COMMIT;\n",
          other);
    postgres_until(database, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    ck_assert_int_eq(p->hold(one, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    postgres_session_end(other);
    has(p, one, 21, "kept");
    ck_assert_int_eq(append(p, one, 21, "of one"), ESPT_JOURNAL_TAKEN);
    ck_assert_int_eq(append(p, two, 22, "of two"), ESPT_JOURNAL_DONE); /* without the turn */
    p->close(one);
    p->close(two);
    postgres_stop(SIGKILL);
    postgres_again();
    one = opened(p, settings, "one");
    has(p, one, 22, "of two");
    p->close(one);
}

/* After a restart of the server the next call connects again. */
START_TEST(restarted)
{
    const espt_journal_plugin *p = load();
    defaults_of_the_server(p);
    const char *settings = conformance_settings();
    espt_journal *j = opened(p, settings, "one");
    espt_journal_entry entry;
    ck_assert_int_eq(append(p, j, 1, "one"), ESPT_JOURNAL_DONE);
    postgres_stop(SIGINT);
    ck_assert_int_eq(p->read(j, 2, &entry, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(append(p, j, 2, "two"), ESPT_JOURNAL_FAILED);
    postgres_again();
    ck_assert_int_eq(append(p, j, 2, "two"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->hold(j, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    postgres_stop(SIGINT);
    postgres_again();
    /* the turn is lost and the entry is not appended; FAILED, because COMMIT was not sent */
    ck_assert_int_eq(append(p, j, 3, "three"), ESPT_JOURNAL_FAILED);
    lacks(p, j, 3);
    ck_assert_int_eq(append(p, j, 3, "three"), ESPT_JOURNAL_DONE);
    p->close(j);
}
END_TEST

/* A server that accepts connections and never answers: every call ends within its time limit. */
START_TEST(silent_server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &at_len), 0);
    conformance_settings();
    const espt_journal_plugin *p = load();
    espt_journal *j = NULL;
    espt_journal_entry entry;
    ck_assert_int_eq(p->open(&j, settings_at(ntohs(at.sin_port), ""), "one", ESPT_JOURNAL_WHOLE,
                             300, said, sizeof said),
                     ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->read(j, 1, &entry, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_str_eq(said, "the server does not answer");
    ck_assert_int_eq(append(p, j, 1, "one"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->hold(j, 0, said, sizeof said), ESPT_JOURNAL_FAILED);
    p->close(j);
    ck_assert_int_eq(p->open(&j, settings_at(ntohs(at.sin_port), ""), "one", ESPT_JOURNAL_WHOLE,
                             3600000, said, sizeof said),
                     ESPT_JOURNAL_DONE);
    p->limit(j, 100);
    ck_assert_int_eq(p->read(j, 1, &entry, said, sizeof said), ESPT_JOURNAL_FAILED);
    p->close(j);
    close(listener);
}
END_TEST

/* Appends over a line that breaks at message number `chunks`. After DONE the entry is in the
   journal, after FAILED it never is, and repeating after UNKNOWN ends in DONE, with one entry.
   False: there was no such message. */
static bool broken_line(const espt_journal_plugin *p, espt_journal *direct, uint64_t number,
                        enum line_fault fault, int chunks)
{
    espt_journal *j = NULL;
    const int port = line_begin(fault, chunks);
    const uint32_t limit = fault == LINE_SILENT ? 400 : 5000;
    ck_assert_int_eq(
        p->open(&j, settings_at(port, ""), "one", ESPT_JOURNAL_WHOLE, limit, said, sizeof said),
        ESPT_JOURNAL_DONE);
    const bool held = p->hold(j, 400, said, sizeof said) == ESPT_JOURNAL_DONE;
    int status = held ? append(p, j, number, "this") : ESPT_JOURNAL_FAILED;
    const bool failed = status == ESPT_JOURNAL_FAILED;
    for (int tries = 0; status == ESPT_JOURNAL_UNKNOWN; tries++) {
        ck_assert_int_lt(tries, 60);
        status = append(p, j, number, "this");
        if (status == ESPT_JOURNAL_FAILED)
            status = ESPT_JOURNAL_UNKNOWN; /* as esp-tokenctl does */
    }
    const bool broke = line_end();
    p->close(j);
    if (failed) {
        if (fault == LINE_LATE)
            usleep(2 * LATE_MS * 1000); /* longer than the chunk needs */
        lacks(p, direct, number);
        ck_assert_int_eq(append(p, direct, number, "other"), ESPT_JOURNAL_DONE);
    } else {
        ck_assert_int_eq(status, ESPT_JOURNAL_DONE);
        has(p, direct, number, "this");
    }
    return broke;
}

START_TEST(broken_lines)
{
    const char *settings = conformance_settings();
    const espt_journal_plugin *p = load();
    espt_journal *direct = opened(p, settings, "direct");
    uint64_t number = 1;
    ck_assert_int_eq(append(p, direct, number++, "first"), ESPT_JOURNAL_DONE);
    const bool brief = getenv("ESPT_TORTURE_SECONDS") == NULL; /* one fault for each message */
    int broken = 0;
    bool broke = true;
    for (int chunks = 1; broke; chunks++) {
        broke = false;
        for (int fault = LINE_BEFORE; fault <= LINE_SILENT; fault++) {
            if (brief && chunks % 4 != fault % 4)
                continue;
            const bool this_one = broken_line(p, direct, number++, (enum line_fault)fault, chunks);
            broke = broke || this_one;
            broken += this_one;
        }
    }
    p->close(direct);
    ck_assert_int_ge(broken, brief ? 6 : 4 * 6); /* connect, tables, begin, lock, insert, commit */
}
END_TEST

int main(void)
{
    conformance_kind = "pg";
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("journal pg");
    TCase *tcase = conformance_case(); /* one server for all of these */
    postgres_fixture(tcase, false);
    tcase_add_test(tcase, settings_and_environment);
    tcase_add_test(tcase, silent_server);
    tcase_add_test(tcase, broken_lines);
    TCase *restart = tcase_create("restart");
    tcase_set_timeout(restart, 240);
    postgres_fixture(restart, true);
    tcase_add_test(restart, restarted);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, restart);
    return run_suite(suite);
}
