/* SPDX-License-Identifier: ISC */
/*
 * Controls of what the pg journal promises: each test removes one of its safeguards, and the
 * promise must then be broken. The control with a session lock behind a pooler is in
 * test_network_pg.c.
 */
#include "fleet/journal_calls.h"

#include "fleet/line.h"
#include "fleet/postgres.h"

static const char *database;

static const char *settings_at(int port)
{
    return postgres_settings(port, "admin", database, "");
}

static void setup(void)
{
    database = postgres_database();
}

/* True: of two appends under one number, the second gets TAKEN. */
static bool append_decides(const espt_journal_plugin *p)
{
    espt_journal *one = opened(p, settings_at(postgres_port()), "one"),
                 *two = opened(p, settings_at(postgres_port()), "two");
    const int first = append(p, one, 1, "of one"), second = append(p, two, 1, "of two");
    p->close(one);
    p->close(two);
    return first == ESPT_JOURNAL_DONE && second == ESPT_JOURNAL_TAKEN;
}

START_TEST(without_the_key)
{
    const espt_journal_plugin *p = load();
    ck_assert(append_decides(p));
    postgres_sql(database, "TRUNCATE esp_token_entry; ALTER TABLE esp_token_entry DROP CONSTRAINT "
                           "esp_token_entry_pkey");
    ck_assert(!append_decides(p));
}
END_TEST

/* True: an entry that was reported as done survives a crash. PostgreSQL's WAL writer is stopped
   first, so that an append that does not wait for the disk is lost. */
static bool survives(const espt_journal_plugin *p, uint64_t number)
{
    espt_journal_entry entry;
    espt_journal *j = opened(p, settings_at(postgres_port()), "one");
    uint64_t first, last;
    p->range(j, &first, &last, said, sizeof said); /* creates the tables */
    postgres_sql(database, "CHECKPOINT");
    const pid_t writer = (pid_t)atoi(postgres_sql(
        database, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"));
    ck_assert_int_eq(kill(writer, SIGSTOP), 0);
    ck_assert_int_eq(append(p, j, number, "entry"), ESPT_JOURNAL_DONE);
    p->close(j);
    postgres_stop(SIGKILL);
    ck_assert_int_eq(kill(writer, SIGKILL), 0);
    postgres_again();
    j = opened(p, settings_at(postgres_port()), "two");
    const bool there = p->read(j, number, &entry, said, sizeof said) == ESPT_JOURNAL_DONE;
    p->close(j);
    return there;
}

START_TEST(without_waiting_for_the_disk)
{
    ck_assert(survives(load(), 1));
    ck_assert(!survives(load_altered("synchronous_commit = on;", "synchronous_commit =off;"), 2));
}
END_TEST

/* A writer that looks for its entry instead of repeating the append wrongly concludes that an entry
   was not appended which is still in transit. */
START_TEST(look_instead_of_repeat)
{
    const espt_journal_plugin *p = load();
    espt_journal *direct = opened(p, settings_at(postgres_port()), "direct");
    uint64_t number = 1;
    int wrong = 0;
    bool broke = true;
    ck_assert_int_eq(append(p, direct, number++, "first"), ESPT_JOURNAL_DONE);
    for (int chunks = 1; broke; chunks++, number++) {
        espt_journal *j = NULL;
        espt_journal_entry entry;
        const int port = line_begin(LINE_LATE, chunks);
        ck_assert_int_eq(
            p->open(&j, settings_at(port), "one", ESPT_JOURNAL_WHOLE, 5000, said, sizeof said),
            ESPT_JOURNAL_DONE);
        const bool unknown = append(p, j, number, "this") == ESPT_JOURNAL_UNKNOWN;
        const bool found = p->read(direct, number, &entry, said, sizeof said) == 0;
        usleep(2 * LATE_MS * 1000);
        broke = line_end();
        p->close(j);
        const bool there = p->read(direct, number, &entry, said, sizeof said) == 0;
        wrong += unknown && !found && there;
        if (!there)
            ck_assert_int_eq(append(p, direct, number, "other"), ESPT_JOURNAL_DONE);
    }
    p->close(direct);
    ck_assert_int_ge(wrong, 1);
}
END_TEST

int main(void)
{
    conformance_kind = "pg";
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("controls pg");
    TCase *tcase = tcase_create("controls");
    tcase_set_timeout(tcase, 120);
    postgres_fixture(tcase, true);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, without_the_key);
    tcase_add_test(tcase, without_waiting_for_the_disk);
    tcase_add_test(tcase, look_instead_of_repeat);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
