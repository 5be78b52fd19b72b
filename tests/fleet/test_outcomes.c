/* SPDX-License-Identifier: ISC */
/*
 * The outcome of a change when the journal, the connection to it, the disk or the process fails. A
 * change that is reported as done is in the journal once, one reported as failed never is, and
 * anything else is reported as not known.
 */
#include "fleet/members.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fleet_of fleet;

static bool there(uint64_t number)
{
    return access(fleet_entry_path(&fleet, number), F_OK) == 0;
}

static struct run refused; /* the last one */

/* Asserts that the change fails with status 5 and these words, and that neither the journal nor a
   store has any of it. */
static void fails_without_a_trace(const char *fault, const char *words)
{
    const uint64_t before = fleet_entry(&fleet, 1);
    fleet_fault(&fleet, 1, fault);
    struct run run = AT(fleet.site[1], "create", "acme", "never", "--wait", "0");
    fleet_says(run, 5, words);
    ck_assert_msg(strstr(run.err, "nothing was changed") != NULL, "%s", run.err);
    ck_assert_str_eq(run.out, "");
    refused = run;
    fleet_fault(&fleet, 1, NULL);
    ck_assert(!there(before + 1));
    fleet_says(AT(fleet.site[0], "show", "acme/never"), 3, "never");
    fleet_same(&fleet, 0, 1);
}

/* How many seconds off the refusal says the clock is. */
static int seconds_said(void)
{
    const char *at = strstr(refused.err, "machine is ");
    ck_assert_msg(at != NULL, "%s", refused.err);
    return atoi(at + strlen("machine is "));
}

START_TEST(before_the_append)
{
    fleet_begin(&fleet, 2);
    fails_without_a_trace("failed", "the line is down");
    fails_without_a_trace("unread", "the line is down");
    fails_without_a_trace("ahead", "s behind that of the fleet's journal");
    ck_assert_int_le(abs(seconds_said() - 100), 2);
    fails_without_a_trace("behind", "s ahead of that of the fleet's journal");
    ck_assert_int_le(abs(seconds_said() - 100), 2);
    fails_without_a_trace("dropped", "the turn to write was lost: the line is down");
    char away[4200];
    snprintf(away, sizeof away, "%s.away", fleet.journal);
    const uint64_t before = fleet_entry(&fleet, 0);
    ck_assert_int_eq(rename(fleet.journal, away), 0);
    fleet_says(AT(fleet.site[0], "create", "acme", "x"), 5, fleet.journal);
    /* reading goes on, and says how old the state is */
    struct run run = AT(fleet.site[0], "list");
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strstr(run.err, "may be behind the fleet") != NULL, "%s", run.err);
    run = AT(fleet.site[0], "list", "--stale");
    ck_assert_str_eq(run.err, "");
    fleet_says(AT(fleet.site[0], "fleet", "status"), 5, fleet.journal);
    ck_assert_int_eq(rename(away, fleet.journal), 0);
    ck_assert(!there(before + 1));
    /* a killed writer */
    fleet_fault(&fleet, 0, "early");
    run = AT(fleet.site[0], "create", "acme", "x");
    ck_assert_int_eq(run.status, 128 + SIGKILL);
    fleet_fault(&fleet, 0, NULL);
    ck_assert(!there(before + 1));
    DONE(fleet.site[0], "create", "acme", "x");
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* A command that reads applies the entries that it can read in its time, and says that there may be
   more. Later commands apply the rest. */
START_TEST(slow_reading)
{
    enum { ENTRIES = 20 };
    char name[8];
    fleet_begin(&fleet, 2);
    const uint64_t before = fleet_entry(&fleet, 1);
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        DONE(fleet.site[0], "entity", "add", name, "--kind", "customer");
    }
    fleet_fault(&fleet, 1, "slow");
    struct run run = AT(fleet.site[1], "entity", "list");
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strstr(run.err, "may be behind the fleet") != NULL, "%s", run.err);
    ck_assert_msg(strstr(run.out, name) == NULL, "%s", run.out);
    fleet_fault(&fleet, 1, NULL);
    ck_assert_uint_eq(fleet_entry(&fleet, 1), before + ENTRIES);
    fleet_same(&fleet, 0, 1);
}
END_TEST

START_TEST(the_answer_is_lost)
{
    fleet_begin(&fleet, 2);
    /* it arrives at the third attempt: done, and once */
    uint64_t before = fleet_entry(&fleet, 1);
    fleet_fault(&fleet, 1, "late");
    DONE(fleet.site[1], "create", "acme", "late");
    fleet_fault(&fleet, 1, NULL);
    ck_assert(there(before + 1) && !there(before + 2));
    fleet_same(&fleet, 0, 1);
    /* the entry arrives, and no answer ever comes */
    before = fleet_entry(&fleet, 1);
    fleet_fault(&fleet, 1, "lost");
    struct run run = AT(fleet.site[1], "create", "acme", "lost", "--wait", "1");
    fleet_says(run, 6, "whether the change was made is not known");
    ck_assert_str_eq(run.out, "");
    char pin[128] = "", entry[32];
    const char *at = strstr(run.err, "--pin ");
    ck_assert_ptr_nonnull(at);
    sscanf(at, "--pin %127[0-9a-f:]", pin);
    snprintf(entry, sizeof entry, "%llu:", (unsigned long long)before + 1);
    ck_assert_msg(strncmp(pin, entry, strlen(entry)) == 0, "%s", pin);
    fleet_fault(&fleet, 1, NULL);
    DONE(fleet.site[1], "fleet", "status", "--pin", pin);
    DONE(fleet.site[0], "show", "acme/lost");
    fleet_same(&fleet, 0, 1);
    /* the entry does not arrive, and no answer ever comes */
    before = fleet_entry(&fleet, 1);
    fleet_fault(&fleet, 1, "silent");
    run = AT(fleet.site[1], "create", "acme", "silent", "--wait", "1");
    fleet_says(run, 6, "whether the change was made is not known");
    sscanf(strstr(run.err, "--pin "), "--pin %127[0-9a-f:]", pin);
    fleet_fault(&fleet, 1, NULL);
    ck_assert_int_eq(AT(fleet.site[1], "fleet", "status", "--pin", pin).status, 1);
    ck_assert(!there(before + 1));
    fleet_same(&fleet, 0, 1);
    /* --json says the same */
    fleet_fault(&fleet, 1, "silent");
    fleet_says(AT(fleet.site[1], "--json", "create", "acme", "x", "--wait", "0"), 6, "\"code\":6");
    fleet_fault(&fleet, 1, NULL);
    /* in bulk: the lines of the batch are not counted as done */
    fleet_fault(&fleet, 1, "silent");
    fleet_says(CTL(fleet.site[1].config, "b1\n", "create", "acme", "--from", "-", "--wait", "0"), 6,
               "0 created");
    fleet_fault(&fleet, 1, NULL);
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* Another site appends first, although this one has the turn: the append decides. */
START_TEST(taken)
{
    fleet_begin(&fleet, 2);
    fleet_fault(&fleet, 1, "taken");
    fleet_says(AT(fleet.site[1], "create", "acme", "x"), 5, "at the same moment");
    fleet_fault(&fleet, 1, NULL);
    /* the entry that bad_journal.c appended is not valid, so no site applies it or goes on */
    for (int i = 0; i < 2; i++)
        fleet_says(AT(fleet.site[i], "create", "acme", "x"), 5, "nothing of it was taken");
    ck_assert_ptr_null(strstr(DONE(fleet.site[0], "list", "--stale"), " x "));
}
END_TEST

/* Once the entry is appended, the change is made, whatever happens at this site. */
START_TEST(after_the_append)
{
    fleet_begin(&fleet, 2);
    uint64_t before = fleet_entry(&fleet, 1);
    fleet_fault(&fleet, 1, "full");
    struct run run = AT(fleet.site[1], "create", "acme", "full", "-q");
    fleet_fault(&fleet, 1, NULL);
    ck_assert_msg(run.status == 0, "%d: %s", run.status, run.err);
    ck_assert_msg(strstr(run.err, "in force in the fleet") != NULL, "%s", run.err);
    ck_assert(there(before + 1));
    ck_assert_int_eq(strncmp(run.out, "esptk_", 6), 0);
    ck_assert_int_eq(
        run_ctl(fleet.site[0].config, run.out, (const char *const[]){"verify", NULL}).status, 1);
    DONE(fleet.site[0], "show", "acme/full"); /* catches up */
    ck_assert_int_eq(
        run_ctl(fleet.site[0].config, run.out, (const char *const[]){"verify", NULL}).status, 0);
    fleet_same(&fleet, 0, 1);
    before = fleet_entry(&fleet, 1);
    fleet_fault(&fleet, 1, "killed");
    ck_assert_int_eq(AT(fleet.site[1], "create", "acme", "killed").status, 128 + SIGKILL);
    fleet_fault(&fleet, 1, NULL);
    ck_assert(there(before + 1));
    DONE(fleet.site[1], "show", "acme/killed");
    fleet_same(&fleet, 1, 0);
}
END_TEST

/* Another site has the turn: the message names it, and --wait limits the waiting. */
START_TEST(another_site_writes)
{
    fleet_begin(&fleet, 2);
    int ready[2], go[2];
    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(go), 0);
    DONE(fleet.site[0], "create", "acme", "a"); /* the turn's file names hq-1 */
    pid_t child = fork_child();
    if (child == 0) {
        const char *argv[] = {"flock", in_folder(fleet.journal, "turn"), "sh",
                              "-c",    "echo >&3; read x <&4",           NULL};
        dup2(ready[1], 3);
        dup2(go[0], 4);
        execvp(argv[0], (char **)(uintptr_t)argv);
        _exit(127);
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    const char *before = DONE(fleet.site[1], "list");
    struct run run = AT(fleet.site[1], "create", "acme", "b", "--wait", "0");
    fleet_says(run, 5, "another site is writing");
    fleet_says(run, 5, "hq-1");
    fleet_says(run, 5, "nothing was changed");
    ck_assert_str_eq(run.out, "");
    ck_assert_str_eq(DONE(fleet.site[1], "list"), before);
    ck_assert_int_eq(write(go[1], "\n", 1), 1);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    DONE(fleet.site[1], "create", "acme", "b");
    fleet_same(&fleet, 0, 1);
}
END_TEST

#define KILL_ROUNDS 30

/* Writers at both sites are killed at random moments. What each command reported is true. */
START_TEST(killed_writers)
{
    static char said_done[KILL_ROUNDS][16], tiers[16384];
    int done = 0;
    fleet_begin(&fleet, 2);
    for (int i = 0; i < 2; i++) {
        const char *path = in_folder(fleet.site[i].folder, "tiers.ini");
        snprintf(tiers, sizeof tiers, "%s", file_read(path, NULL));
        memcpy(strstr(tiers, "max_tokens = 5"), "max_tokens=900", 14);
        file_text(path, tiers);
    }
    for (int round = 0; round < KILL_ROUNDS; round++) {
        char name[16];
        const struct member *member = &fleet.site[round % 2];
        snprintf(name, sizeof name, "k%d", round);
        pid_t child = fork_child();
        if (child == 0) {
            const char *argv[] = {ctl_path(), "-c", member->config, "create", "acme", name, NULL};
            if (freopen("/dev/null", "w", stdout) == NULL)
                _exit(127);
            execv(argv[0], (char **)(uintptr_t)argv);
            _exit(127);
        }
        usleep((useconds_t)(round * 3571 % 41000));
        kill(child, SIGKILL);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            memcpy(said_done[done++], name, sizeof name);
    }
    fleet_same(&fleet, 0, 1);
    for (int i = 0; i < done; i++) {
        char token[32];
        snprintf(token, sizeof token, "acme/%.15s", said_done[i]);
        DONE(fleet.site[0], "show", token);
    }
    for (int i = 0; i < 2; i++)
        DONE(fleet.site[i], "check");
    printf("%d of %d commands were done before they were killed\n", done, KILL_ROUNDS);
}
END_TEST

#define RACERS 2
#define RACE_EACH 12

/* Both sites write at once: every command succeeds, and its change is in the journal once. */
START_TEST(both_at_once)
{
    pid_t racers[RACERS];
    fleet_begin(&fleet, 2);
    const uint64_t before = fleet_entry(&fleet, 0);
    for (int r = 0; r < RACERS; r++) {
        racers[r] = fork_child();
        if (racers[r] != 0)
            continue;
        char name[16], command[9000];
        snprintf(name, sizeof name, "r%d", r);
        snprintf(command, sizeof command,
                 "for i in $(seq %d); do '%s' -c '%s' entity add %s-$i --kind customer "
                 "--wait 120 >/dev/null || exit 1; done",
                 RACE_EACH, ctl_path(), fleet.site[r].config, name);
        execlp("sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int r = 0; r < RACERS; r++) {
        int status;
        ck_assert_int_eq(waitpid(racers[r], &status, 0), racers[r]);
        ck_assert_int_eq(status, 0);
    }
    fleet_same(&fleet, 0, 1);
    ck_assert_uint_eq(fleet_entry(&fleet, 0), before + (uint64_t)RACERS * RACE_EACH);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("outcomes");
    TCase *tcase = tcase_create("outcomes");
    tcase_set_timeout(tcase, 240);
    fleet_fixture(tcase, 2);
    tcase_add_test(tcase, before_the_append);
    tcase_add_test(tcase, slow_reading);
    tcase_add_test(tcase, the_answer_is_lost);
    tcase_add_test(tcase, taken);
    tcase_add_test(tcase, after_the_append);
    tcase_add_test(tcase, another_site_writes);
    tcase_add_test(tcase, killed_writers);
    tcase_add_test(tcase, both_at_once);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
