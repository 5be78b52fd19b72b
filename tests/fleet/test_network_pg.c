/* SPDX-License-Identifier: ISC */
/* What is between a member and the database: TLS, and a pooler. */
#include "fleet/journal_calls.h"

#include "fleet/certificates.h"
#include "fleet/postgres.h"

#include <sys/stat.h>

static const char *database;

static const char *settings_with(int port, const char *more)
{
    return postgres_settings(port, "admin", database, more);
}

/* --- TLS --- */

static void make_certificates(void)
{
    certificates_make(postgres_folder());
    postgres_plain("printf \"ssl = on\\nssl_cert_file = '$PWD/server.crt'\\nssl_key_file = "
                   "'$PWD/server.key'\\n\" >>data/postgresql.conf");
}

static const char *tls(const char *host, const char *ca)
{
    static char more[2][400];
    static unsigned next;
    char *out = more[next++ % 2];
    snprintf(out, sizeof more[0], "host = %s\nsslmode = verify-full\nsslrootcert = %s/%s.crt\n",
             host, postgres_folder(), ca);
    return out;
}

static void refused(const espt_journal_plugin *p, const char *more, const char *words)
{
    espt_journal_entry entry;
    espt_journal *j = opened(p, settings_with(postgres_port(), more), "one");
    ck_assert_int_eq(p->read(j, 1, &entry, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_msg(strstr(said, words) != NULL && strchr(said, '\n') == NULL, "%s", said);
    p->close(j);
}

START_TEST(certificates)
{
    const espt_journal_plugin *p = load();
    espt_journal_entry entry;
    database = postgres_database();
    make_certificates();
    refused(p, tls("db.example.com", "ca"), "does not support SSL");
    postgres_sql(database, "SELECT pg_reload_conf()");
    espt_journal *j = opened(p, settings_with(postgres_port(), tls("db.example.com", "ca")), "one");
    while (append(p, j, 1, "one") != ESPT_JOURNAL_DONE) /* the reload takes a moment */
        usleep(20000);
    ck_assert_int_eq(
        atoi(postgres_sql(database, "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING "
                                    "(pid) WHERE ssl AND application_name = 'one'")),
        1);
    refused(p, tls("db.example.com", "absent"), "absent.crt");
    refused(p, tls("db.example.com", "other"), "certificate verify failed");
    refused(p, tls("localhost", "ca"), "does not match host name");
    /* long answers, which come in many records */
    postgres_sql(
        database,
        "INSERT INTO esp_token_entry SELECT n, convert_to(repeat('x', 14001 * n), 'UTF8'), "
        "'', '', '' FROM generate_series(2, 60) AS n");
    for (uint64_t number = 2; number <= 60; number++) {
        const int status = p->read(j, number, &entry, said, sizeof said);
        ck_assert_msg(status == ESPT_JOURNAL_DONE, "%d: %s", status, said);
        ck_assert_uint_eq(entry.head_len, 14001 * number);
    }
    p->close(j);
}
END_TEST

/* --- a pooler in transaction mode --- */

static int begin_pooler(pid_t *ret_pooler)
{
    char command[1024];
    const int port = postgres_free_port();
    snprintf(
        command, sizeof command,
        "printf '[databases]\\n* = host=127.0.0.1 port=%d user=admin\\n[pgbouncer]\\n"
        "listen_addr = 127.0.0.1\\nlisten_port = %d\\nunix_socket_dir =\\nauth_type = any\\n"
        "pool_mode = transaction\\ndefault_pool_size = 5\\nserver_round_robin = 1\\n' >pooler.ini",
        postgres_port(), port);
    postgres_plain(command);
    *ret_pooler = postgres_daemon("pgbouncer pooler.ini");
    snprintf(command, sizeof command, "until pg_isready -q -h 127.0.0.1 -p %d; do sleep 0.05; done",
             port);
    postgres_plain(command);
    return port;
}

/* Two members write in turns, and a third one waits for the turn of a killed process. True: all of
   that works. */
static bool works_behind(const espt_journal_plugin *p, int port)
{
    const char *settings = settings_with(port, "");
    espt_journal *one = opened(p, settings, "one"), *two = opened(p, settings, "two");
    bool good = true;
    for (uint64_t number = 1; good && number <= 20; number++) {
        espt_journal *j = number % 2 == 0 ? one : two, *other = number % 2 == 0 ? two : one;
        good = p->hold(j, 2000, said, sizeof said) == ESPT_JOURNAL_DONE &&
               p->hold(other, 1, said, sizeof said) == ESPT_JOURNAL_BUSY &&
               p->keep(j, said, sizeof said) == ESPT_JOURNAL_DONE &&
               append(p, j, number, "entry") == ESPT_JOURNAL_DONE &&
               p->wait(other, number - 1, LIMIT_MS, said, sizeof said) == ESPT_JOURNAL_DONE;
        if (good)
            has(p, other, number, "entry");
    }
    good = good && p->hold(one, 2000, said, sizeof said) == ESPT_JOURNAL_DONE;
    p->close(one); /* with the turn */
    good = good && p->hold(two, 2000, said, sizeof said) == ESPT_JOURNAL_DONE;
    p->close(two);
    return good;
}

START_TEST(pooler)
{
    pid_t process;
    const int port = begin_pooler(&process);
    database = postgres_database();
    ck_assert_msg(works_behind(load(), port), "%s", said);
    /* the control: a lock of the session stays on the pooler's connection */
    database = postgres_database();
    ck_assert(
        !works_behind(load_altered("LOCK TABLE esp_token_turn IN SHARE UPDATE EXCLUSIVE MODE",
                                   "DO $$BEGIN PERFORM pg_advisory_lock(1); END$$           "),
                      port));
    ck_assert_int_eq(kill(process, SIGKILL), 0);
    ck_assert_int_eq(waitpid(process, NULL, 0), process);
}
END_TEST

int main(void)
{
    conformance_kind = "pg";
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("network pg");
    TCase *tcase = tcase_create("network");
    tcase_set_timeout(tcase, 120);
    postgres_fixture(tcase, false);
    tcase_add_test(tcase, certificates);
    if (access("/usr/sbin/pgbouncer", X_OK) == 0)
        tcase_add_test(tcase, pooler);
    else
        puts("SKIPPED TEST: pgbouncer is not installed");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
