/* SPDX-License-Identifier: ISC */
/* Sites over a pg journal: commands of both, killed writers, and a server that is away. */
#include "fleet/pg_fleet.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct pg_fleet pg;

static void setup(void)
{
    pg_fleet_begin(&pg, 2);
}

START_TEST(both_sites)
{
    DONE(pg.fleet.site[0], "create", "acme", "web");
    DONE(pg.fleet.site[1], "rotate", "acme/web");
    DONE(pg.fleet.site[0], "entity", "edit", "acme", "--contact", "a@example.com");
    fleet_same(&pg.fleet, 0, 1);
    DONE(pg.fleet.site[1], "tier", "publish", "--yes");
    DONE(pg.fleet.site[0], "tier", "pull", "--yes");
    fleet_same(&pg.fleet, 0, 1);
    pid_t racers[2];
    for (int r = 0; r < 2; r++) {
        racers[r] = fork_child();
        if (racers[r] != 0)
            continue;
        char command[9000];
        snprintf(command, sizeof command,
                 "for i in $(seq 8); do '%s' -c '%s' entity add r%d-$i-racer --kind customer "
                 "--wait 120 >/dev/null || exit 1; done",
                 ctl_path(), pg.fleet.site[r].config, r);
        execlp("sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int r = 0; r < 2; r++) {
        int status;
        ck_assert_int_eq(waitpid(racers[r], &status, 0), racers[r]);
        ck_assert_int_eq(status, 0);
    }
    fleet_same(&pg.fleet, 0, 1);
    for (int i = 1; i <= 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "r1-%d-racer", i);
        ck_assert_int_eq(pg_fleet_entries(&pg, name), 1);
    }
}
END_TEST

/* While a site waits for the turn, another one writes an entry that is too long to be read within a
   turn: the site gives the turn back, reads, and takes the turn again. */
START_TEST(long_entry_before_the_turn)
{
    static const char waits[] =
        "SELECT (count(*) = %d)::int FROM pg_locks WHERE relation = 'esp_token_turn'::regclass AND "
        "NOT granted";
    char sql[160], lines[30000] = "";
    const uint64_t last = fleet_entry(&pg.fleet, 0);
    FILE *turn = postgres_session(pg.database);
    size_t len = 0;
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(lines + len, sizeof lines - len, "long-%d-%050d customer\n", i, i);
    file_text(in_folder(pg.fleet.site[0].folder, "lines"), lines);
    fputs("BEGIN; LOCK TABLE esp_token_turn IN SHARE UPDATE EXCLUSIVE MODE;\n", turn);
    postgres_until(pg.database, "SELECT count(*) FROM pg_locks WHERE relation = "
                                "'esp_token_turn'::regclass AND granted");
    char command[5000];
    snprintf(command, sizeof command, "entity add --from %s",
             in_folder(pg.fleet.site[0].folder, "lines"));
    pid_t writer = pg_fleet_command(&pg, 0, command);
    snprintf(sql, sizeof sql, waits, 1);
    postgres_until(pg.database, sql);
    pid_t waiter = pg_fleet_command(&pg, 1, "entity add behind-a-long-one --kind customer");
    snprintf(sql, sizeof sql, waits, 2);
    postgres_until(pg.database, sql);
    /* longer than a batch may last: the time of a batch does not include the wait for the turn */
    postgres_sql(pg.database, "SELECT pg_sleep(1.1)");
    fputs("COMMIT;\n", turn);
    postgres_session_end(turn);
    ck_assert_int_eq(pg_fleet_ended(writer), 0);
    ck_assert_int_eq(pg_fleet_ended(waiter), 0);
    snprintf(sql, sizeof sql, "SELECT octet_length(vault) FROM esp_token_entry WHERE number = %llu",
             (unsigned long long)last + 1);
    ck_assert_int_gt(atoi(postgres_sql(pg.database, sql)), 65536);
    fleet_same(&pg.fleet, 0, 1);
}
END_TEST

/* A killed writer releases the turn, and what it has reported is true. */
START_TEST(killed_writers)
{
    int done = 0;
    for (int round = 0; round < 16; round++) {
        char name[32];
        snprintf(name, sizeof name, "killed-%d-writer", round);
        const struct member *member = &pg.fleet.site[round % 2];
        pid_t child = fork_child();
        if (child == 0) {
            const char *argv[] = {ctl_path(), "-c",     member->config, "entity", "add",
                                  name,       "--kind", "customer",     NULL};
            if (freopen("/dev/null", "w", stdout) == NULL)
                _exit(127);
            execv(argv[0], (char **)(uintptr_t)argv);
            _exit(127);
        }
        usleep((useconds_t)(round * 23773 % 240000));
        kill(child, SIGKILL);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            ck_assert_int_eq(pg_fleet_entries(&pg, name), 1);
            done++;
        }
    }
    DONE(pg.fleet.site[0], "create", "acme", "after");
    fleet_same(&pg.fleet, 0, 1);
    printf("%d of 16 commands were done before they were killed\n", done);
}
END_TEST

START_TEST(no_server)
{
    const char *before = DONE(pg.fleet.site[0], "list");
    pg_fleet_reach(&pg, 0, 1); /* a port without a server */
    fleet_says(AT(pg.fleet.site[0], "create", "acme", "x"), 5, "nothing was changed");
    struct run run = AT(pg.fleet.site[0], "list");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.out, before);
    ck_assert_ptr_nonnull(strstr(run.err, "may be behind the fleet"));
    pg_fleet_reach(&pg, 0, postgres_port());
    DONE(pg.fleet.site[0], "create", "acme", "x");
    fleet_same(&pg.fleet, 0, 1);
}
END_TEST

/* The journal loses its last entries, as in a failover to a standby that lacks them. restore and
   refill still work. */
START_TEST(set_back)
{
    char sql[256];
    const uint64_t last = fleet_entry(&pg.fleet, 0);
    const char *backup = keep_string(strdup(in_folder(temp_folder(), "backup.mdb")));
    DONE(pg.fleet.site[1], "backup", backup);
    DONE(pg.fleet.site[1], "entity", "add", "late", "--kind", "customer");
    DONE(pg.fleet.site[1], "restore", backup, "--yes");
    DONE(pg.fleet.site[1], "entity", "add", "later", "--kind", "customer");
    const char *hash = "SELECT md5(string_agg(head || log || edge || vault, '' ORDER BY number)) "
                       "FROM esp_token_entry";
    const char *before = keep_string(strdup(postgres_sql(pg.database, hash)));
    snprintf(sql, sizeof sql, "DELETE FROM esp_token_entry WHERE number > %llu",
             (unsigned long long)last);
    postgres_sql(pg.database, sql);
    fleet_says(AT(pg.fleet.site[1], "entity", "add", "never", "--kind", "customer"), 5,
               "the journal was set back");
    DONE(pg.fleet.site[1], "fleet", "refill");
    ck_assert_str_eq(postgres_sql(pg.database, hash), before);
    fleet_same(&pg.fleet, 0, 1);
    fleet_says(AT(pg.fleet.site[0], "entity", "show", "late"), 3, "late");
    DONE(pg.fleet.site[0], "entity", "show", "later");
    DONE(pg.fleet.site[0], "check");
}
END_TEST

int main(void)
{
    if (!postgres_installed())
        return EXIT_SUCCESS;
    Suite *suite = suite_create("sites pg");
    TCase *tcase = tcase_create("sites");
    tcase_set_timeout(tcase, 240);
    postgres_fixture(tcase, false);
    tcase_add_unchecked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, both_sites);
    tcase_add_test(tcase, long_entry_before_the_turn);
    tcase_add_test(tcase, no_server);
    tcase_add_test(tcase, killed_writers);
    tcase_add_test(tcase, set_back);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
