/* SPDX-License-Identifier: ISC */
/* Sites over a pg journal: what a command says is true, whatever the line to the server does. */
#include "fleet/members.h"

#include "fleet/line.h"
#include "fleet/postgres.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fleet_of fleet;
static const char *database;

static const char *settings_at(int port)
{
    static char settings[4][256];
    static unsigned next;
    char *out = settings[next++ % 4];
    snprintf(out, sizeof settings[0], "host = 127.0.0.1\nport = %d\nuser = admin\ndbname = %s\n",
             port, database);
    return out;
}

static void setup(void)
{
    ck_assert(postgres_start());
    database = postgres_database();
    fleet.pg = settings_at(postgres_port());
    fleet_begin(&fleet, 2);
}

static void teardown(void)
{
    postgres_stop(SIGINT);
}

/* Lets a site reach the server at that port. */
static void reach(int site, int port)
{
    fleet.pg = settings_at(port);
    fleet_fault(&fleet, site, NULL);
    fleet.pg = settings_at(postgres_port());
}

static unsigned long long count(const char *name)
{
    char sql[128];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM esp_token_entry WHERE position('%s'::bytea IN log) > 0", name);
    return strtoull(postgres_sql(database, sql), NULL, 10);
}

/* Runs a command over a line that breaks, and compares what it says with what is. */
static bool over(enum line_fault fault, int chunks)
{
    char name[40];
    snprintf(name, sizeof name, "line-%d-%d-end", (int)fault, chunks);
    reach(1, line_begin(fault, chunks));
    struct run run = AT(fleet.site[1], "entity", "add", name, "--kind", "customer", "--wait",
                        fault == LINE_SILENT ? "15" : "3");
    const bool broke = line_end();
    reach(1, postgres_port());
    ck_assert_msg(run.status == 0 || run.status == 5 || run.status == 6, "%d: %s", run.status,
                  run.err);
    if (run.status == 5) {
        if (fault == LINE_LATE)
            usleep(2 * LATE_MS * 1000);
        ck_assert_msg(strstr(run.err, "nothing was changed") != NULL, "%s", run.err);
    }
    const unsigned long long entries = count(name);
    ck_assert_msg(run.status == 0 ? entries == 1 : run.status == 6 || entries == 0,
                  "status %d, %llu entries: %s", run.status, entries, run.err);
    ck_assert_int_eq(AT(fleet.site[0], "entity", "show", name).status, entries == 1 ? 0 : 3);
    return broke;
}

START_TEST(every_message_of_a_command)
{
    const bool brief = getenv("ESPT_TORTURE_SECONDS") == NULL; /* one fault for each message */
    int broken = 0;
    bool broke = true;
    for (int chunks = 1; broke; chunks++) {
        broke = false;
        for (int fault = LINE_BEFORE; fault <= LINE_LATE; fault++) {
            if (brief && chunks % 3 != fault % 3)
                continue;
            const bool this_one = over((enum line_fault)fault, chunks);
            broke = broke || this_one;
            broken += this_one;
        }
    }
    fleet_same(&fleet, 0, 1);
    ck_assert_int_ge(broken, brief ? 8 : 3 * 8);
    printf("%d lines broke\n", broken);
}
END_TEST

START_TEST(both_sites)
{
    DONE(fleet.site[0], "create", "acme", "web");
    DONE(fleet.site[1], "rotate", "acme/web");
    DONE(fleet.site[0], "entity", "edit", "acme", "--contact", "a@example.com");
    fleet_same(&fleet, 0, 1);
    DONE(fleet.site[1], "tier", "publish", "--yes");
    DONE(fleet.site[0], "tier", "pull", "--yes");
    fleet_same(&fleet, 0, 1);
    pid_t racers[2];
    for (int r = 0; r < 2; r++) {
        racers[r] = fork_child();
        if (racers[r] != 0)
            continue;
        char command[9000];
        snprintf(command, sizeof command,
                 "for i in $(seq 8); do '%s' -c '%s' entity add r%d-$i-racer --kind customer "
                 "--wait 120 >/dev/null || exit 1; done",
                 ctl_path(), fleet.site[r].config, r);
        execlp("sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int r = 0; r < 2; r++) {
        int status;
        ck_assert_int_eq(waitpid(racers[r], &status, 0), racers[r]);
        ck_assert_int_eq(status, 0);
    }
    fleet_same(&fleet, 0, 1);
    for (int i = 1; i <= 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "r1-%d-racer", i);
        ck_assert_uint_eq(count(name), 1);
    }
}
END_TEST

static pid_t begin_command(int site, const char *command)
{
    char line[9000];
    snprintf(line, sizeof line, "exec '%s' -c '%s' %s --wait 120 >/dev/null", ctl_path(),
             fleet.site[site].config, command);
    pid_t child = fork_child();
    if (child == 0) {
        execlp("sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    return child;
}

static void end_command(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/* While a site waits for the turn, another one writes an entry that is too long to be read within
   it: the site gives the turn back, reads, and takes it again. */
START_TEST(long_entry_before_the_turn)
{
    static const char waits[] =
        "SELECT (count(*) = %d)::int FROM pg_locks WHERE relation = 'esp_token_turn'::regclass AND "
        "NOT granted";
    char sql[160], lines[30000] = "";
    FILE *turn = postgres_session(database);
    size_t len = 0;
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(lines + len, sizeof lines - len, "long-%d-%050d customer\n", i, i);
    file_text(in_folder(fleet.site[0].folder, "lines"), lines);
    fputs("BEGIN; LOCK TABLE esp_token_turn IN SHARE UPDATE EXCLUSIVE MODE;\n", turn);
    postgres_until(database, "SELECT count(*) FROM pg_locks WHERE relation = "
                             "'esp_token_turn'::regclass AND granted");
    char command[5000];
    snprintf(command, sizeof command, "entity add --from %s",
             in_folder(fleet.site[0].folder, "lines"));
    pid_t writer = begin_command(0, command);
    snprintf(sql, sizeof sql, waits, 1);
    postgres_until(database, sql);
    pid_t waiter = begin_command(1, "entity add behind-a-long-one --kind customer");
    snprintf(sql, sizeof sql, waits, 2);
    postgres_until(database, sql);
    fputs("COMMIT;\n", turn);
    postgres_session_end(turn);
    end_command(writer);
    end_command(waiter);
    ck_assert_int_gt(atoi(postgres_sql(database, "SELECT max(octet_length(vault)) FROM "
                                                 "esp_token_entry")),
                     65536);
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* Killed writers leave the turn, and what they said is true. */
START_TEST(killed_writers)
{
    int done = 0;
    for (int round = 0; round < 16; round++) {
        char name[32];
        snprintf(name, sizeof name, "killed-%d-writer", round);
        const struct member *member = &fleet.site[round % 2];
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
            ck_assert_uint_eq(count(name), 1);
            done++;
        }
    }
    DONE(fleet.site[0], "create", "acme", "after");
    fleet_same(&fleet, 0, 1);
    printf("%d of 16 commands were done before they were killed\n", done);
}
END_TEST

START_TEST(no_server)
{
    const char *before = DONE(fleet.site[0], "list");
    reach(0, 1); /* nobody listens there */
    fleet_says(AT(fleet.site[0], "create", "acme", "x"), 5, "nothing was changed");
    struct run run = AT(fleet.site[0], "list");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.out, before);
    ck_assert_ptr_nonnull(strstr(run.err, "may be behind the fleet"));
    reach(0, postgres_port());
    DONE(fleet.site[0], "create", "acme", "x");
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* As after a failover to a standby that lacks the last entries; then restore and refill go on. */
START_TEST(set_back)
{
    char sql[256];
    const uint64_t last = fleet_entry(&fleet, 0);
    const char *backup = keep_string(strdup(in_folder(temp_folder(), "backup.mdb")));
    DONE(fleet.site[1], "backup", backup);
    DONE(fleet.site[1], "entity", "add", "late", "--kind", "customer");
    DONE(fleet.site[1], "restore", backup, "--yes");
    DONE(fleet.site[1], "entity", "add", "later", "--kind", "customer");
    const char *hash = "SELECT md5(string_agg(head || log || edge || vault, '' ORDER BY number)) "
                       "FROM esp_token_entry";
    const char *before = keep_string(strdup(postgres_sql(database, hash)));
    snprintf(sql, sizeof sql, "DELETE FROM esp_token_entry WHERE number > %llu",
             (unsigned long long)last);
    postgres_sql(database, sql);
    fleet_says(AT(fleet.site[1], "entity", "add", "never", "--kind", "customer"), 5,
               "the journal was set back");
    DONE(fleet.site[1], "fleet", "refill");
    ck_assert_str_eq(postgres_sql(database, hash), before);
    fleet_same(&fleet, 0, 1);
    fleet_says(AT(fleet.site[0], "entity", "show", "late"), 3, "late");
    DONE(fleet.site[0], "entity", "show", "later");
    DONE(fleet.site[0], "check");
}
END_TEST

int main(void)
{
    if (access("/usr/lib/postgresql", F_OK) != 0) {
        puts("SKIPPED TEST: PostgreSQL is not installed");
        return EXIT_SUCCESS;
    }
    Suite *suite = suite_create("sites pg");
    TCase *tcase = tcase_create("sites");
    tcase_set_timeout(tcase, 240);
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, both_sites);
    tcase_add_test(tcase, long_entry_before_the_turn);
    tcase_add_test(tcase, no_server);
    tcase_add_test(tcase, killed_writers);
    tcase_add_test(tcase, set_back);
    tcase_add_test(tcase, every_message_of_a_command);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
