/* SPDX-License-Identifier: ISC */
/*
 * Two sites write to a pg journal at once while writers, backends, the server, followers and the
 * publisher are killed or frozen at random. At the end, what each command reported is true, both
 * sites are the same, byte for byte, and edges have the records for edges. It runs for
 * ESPT_TORTURE_SECONDS, or a few rounds if that is not set. ESPT_TORTURE_SEED repeats a run.
 */
#include "fleet/journal_calls.h"
#include "fleet/members.h"

#include "fleet/postgres.h"
#include "fleet/torture_daemons.h"

#include <sys/random.h>

#define FIRST_DAEMON 7 /* kinds of harm from this one on kill a daemon */
#define KINDS (FIRST_DAEMON + TORTURE_DAEMONS)
#define BRIEF KINDS        /* rounds */
#define ROUNDS_TO_LOOK 250 /* rounds between comparisons of all members */
#define RUN_MOST 1700      /* seconds: Check's microseconds overflow an int at 2,148 */

static struct fleet_of fleet;
static const char *database;

static const char *settings(void)
{
    static char text[256];
    snprintf(text, sizeof text, "host = 127.0.0.1\nport = %d\nuser = admin\ndbname = %s\n",
             postgres_port(), database);
    return text;
}

static void setup(void)
{
    ck_assert(postgres_start());
    database = postgres_database();
}

static void teardown(void)
{
    postgres_stop(SIGINT);
}

/* --- the torture --- */

struct command {
    char name[40];
    int site, status; /* exit status; -1: it was killed */
    pid_t pid;
};

static void begin_command(struct command *command)
{
    command->pid = fork_child();
    if (command->pid != 0)
        return;
    const char *argv[] = {ctl_path(), "-c",       fleet.site[command->site].config,
                          "entity",   "add",      command->name,
                          "--kind",   "customer", "--wait",
                          "60",       NULL};
    if (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL)
        _exit(127);
    execv(argv[0], (char **)(uintptr_t)argv);
    _exit(127);
}

static void end_command(struct command *command)
{
    int status;
    ck_assert_int_eq(waitpid(command->pid, &status, 0), command->pid);
    command->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ck_assert_msg(command->status <= 0 || command->status == 5 || command->status == 6,
                  "%s: status %d", command->name, command->status);
}

/* A backend of a site; 0: there is none at the moment. */
static pid_t some_backend(void)
{
    return (pid_t)atoi(postgres_sql(database, "SELECT max(pid) FROM pg_stat_activity WHERE "
                                              "application_name LIKE 'hq-%'"));
}

static void harm(int kind, const struct command *two)
{
    pid_t backend;
    switch (kind) {
    case 0:
    case 1:
        kill(two[kind].pid, SIGKILL);
        break;
    case 2:
        postgres_sql(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                               "application_name LIKE 'hq-%'");
        break;
    case 3:
        backend = some_backend();
        if (backend > 0)
            kill(backend, SIGKILL); /* the server ends all others, and recovers */
        break;
    case 4:
        postgres_stop(SIGKILL);
        postgres_again();
        break;
    case 5: /* frozen for a moment */
        kill(two[0].pid, SIGSTOP);
        usleep(300000);
        kill(two[0].pid, SIGCONT);
        break;
    case 6: /* nothing */
        break;
    default:
        torture_daemons_kill(kind - FIRST_DAEMON);
    }
    postgres_until_ready();
}

/* How many entries of the log add an entity of that name. */
static int entries_of(const char *log, const char *name)
{
    char wanted[80];
    int count = 0;
    snprintf(wanted, sizeof wanted, "\"name\": \"%s\"", name);
    for (const char *at = log; (at = strstr(at, wanted)) != NULL; at++)
        count++;
    return count;
}

/* Compares what commands reported with the log of a site, because the publisher trims the journal.
   The caller has checked that the site has the same records as the others. */
static void judge(const struct command *all, size_t count)
{
    int by_status[8] = {0};
    const char *log = DONE(fleet.site[0], "--json", "log");
    for (size_t i = 0; i < count; i++) {
        const int entries = entries_of(log, all[i].name), status = all[i].status;
        ck_assert_msg(status == 0   ? entries == 1
                      : status == 5 ? entries == 0
                                    : entries <= 1,
                      "%s: status %d, %d entries", all[i].name, status, entries);
        by_status[status + 1]++;
    }
    printf("%zu commands: %d done, %d failed, %d not known, %d killed\n", count, by_status[1],
           by_status[6], by_status[7], by_status[0]);
    ck_assert_int_gt(by_status[1], 0);
}

static unsigned begin_random(void)
{
    const char *given = getenv("ESPT_TORTURE_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 0;
    if (given == NULL)
        ck_assert_int_eq(getrandom(&seed, sizeof seed, 0), sizeof seed);
    printf("ESPT_TORTURE_SEED=%u\n", seed);
    fflush(stdout);
    return seed;
}

/* How many runs, each with a new fleet, the torture needs for that time. */
static int runs_in(const char *seconds)
{
    return seconds != NULL ? 1 + atoi(seconds) / (RUN_MOST + 1) : 1;
}

START_TEST(torture)
{
    const char *seconds = getenv("ESPT_TORTURE_SECONDS");
    const time_t until = time(NULL) + (seconds != NULL ? atoi(seconds) / runs_in(seconds) : 0);
    struct command *all = NULL;
    size_t count = 0;
    fleet.pg = settings();
    fleet_folders(&fleet, 3);
    fleet_found(&fleet, 2);
    torture_daemons_begin(&fleet);
    srandom(begin_random());
    for (int round = 0; seconds != NULL ? time(NULL) < until : round < BRIEF; round++) {
        all = realloc(all, (count + 2) * sizeof *all);
        struct command *two = &all[count];
        for (int site = 0; site < 2; site++) {
            two[site] = (struct command){.site = site};
            snprintf(two[site].name, sizeof two[site].name, "torture-%d-%d-end", round, site);
            begin_command(&two[site]);
        }
        /* a command takes some 50 ms */
        usleep((useconds_t)(random() % (random() % 2 ? 400000 : 40000)));
        harm(seconds != NULL ? (int)(random() % KINDS) : round % KINDS, two);
        end_command(&two[0]);
        end_command(&two[1]);
        count += 2;
        if (round % ROUNDS_TO_LOOK == ROUNDS_TO_LOOK - 1)
            torture_daemons_same(&fleet);
    }
    for (int site = 0; site < 2; site++)
        DONE(fleet.site[site], "check");
    torture_daemons_same(&fleet);
    torture_daemons_end();
    judge(all, count);
    free(all);
}
END_TEST

/* --- the time limit of a turn --- */

/* A process that is frozen within its turn loses it, and what it appends afterwards is refused. */
START_TEST(frozen_turn)
{
    const espt_journal_plugin *p = load();
    espt_journal *two = opened(p, settings(), "two");
    int ready[2], status;
    ck_assert_int_eq(append(p, two, 1, "one"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork_child();
    if (child == 0) {
        espt_journal *j = NULL;
        if (p->open(&j, settings(), "frozen", ESPT_JOURNAL_WHOLE, LIMIT_MS, said, sizeof said) !=
                0 ||
            p->hold(j, LIMIT_MS, said, sizeof said) != 0 || write(ready[1], "x", 1) != 1)
            _exit(99);
        raise(SIGSTOP);
        _exit(append(p, j, 2, "of the frozen one"));
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
    ck_assert(WIFSTOPPED(status));
    ck_assert_int_eq(p->hold(two, 30000, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, two, 2, "of two"), ESPT_JOURNAL_DONE);
    kill(child, SIGCONT);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == ESPT_JOURNAL_FAILED ||
                                        WEXITSTATUS(status) == ESPT_JOURNAL_TAKEN),
                  "%x", status);
    has(p, two, 2, "of two");
    p->close(two);
}
END_TEST

/* A turn that keep() renews outlasts the server's limit for an idle turn. */
START_TEST(kept_turn)
{
    const espt_journal_plugin *p = load();
    espt_journal *one = opened(p, settings(), "one"), *two = opened(p, settings(), "two");
    ck_assert_int_eq(append(p, one, 1, "one"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->hold(one, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    for (int times = 0; times < 3; times++) {
        sleep(4);
        ck_assert_int_eq(p->keep(one, said, sizeof said), ESPT_JOURNAL_DONE);
        ck_assert_int_eq(p->hold(two, 0, said, sizeof said), ESPT_JOURNAL_BUSY);
    }
    ck_assert_int_eq(append(p, one, 2, "two"), ESPT_JOURNAL_DONE);
    p->close(one);
    p->close(two);
}
END_TEST

int main(void)
{
    conformance_kind = "pg";
    if (access("/usr/lib/postgresql", F_OK) != 0) {
        puts("SKIPPED TEST: PostgreSQL is not installed");
        return EXIT_SUCCESS;
    }
    const char *seconds = getenv("ESPT_TORTURE_SECONDS");
    Suite *suite = suite_create("torture pg");
    TCase *tcase = tcase_create("torture");
    tcase_set_timeout(tcase, 240 + (seconds != NULL ? 2 * RUN_MOST : 0));
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, torture, 0, runs_in(seconds));
    if (seconds != NULL) {
        tcase_add_test(tcase, frozen_turn);
        tcase_add_test(tcase, kept_turn);
    }
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
