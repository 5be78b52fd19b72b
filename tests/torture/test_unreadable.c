/* SPDX-License-Identifier: ISC */
/* The host's user may no longer read the tier table (specification §7): the old table stays in
   force, which is logged once; the edit counts as soon as the user may read it again. */
#include "abi/host.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define HOST 65534 /* a user number without a name, in no group but its own */

static const char before[] = "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\nmetrics = kpi.*\n";
static const char after[] = "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\nmetrics = asn.*\n";

static struct text good;
static int steps[2]; /* the host's end and the administrator's end */

#define MUST(condition)                                        \
    do {                                                       \
        if (!(condition)) {                                    \
            fprintf(stderr, "%d: %s\n", __LINE__, #condition); \
            _exit(1);                                          \
        }                                                      \
    } while (0)

static int asks(const char *metric)
{
    espt_result result;
    return validate_now(&good, metric, NULL, 0, &result);
}

/* Lets the administrator take the next step; returns when that is done. */
static void next_step(void)
{
    char byte = 0;
    MUST(write(steps[0], &byte, 1) == 1);
    MUST(read(steps[0], &byte, 1) == 1);
}

static void live_as_host(void)
{
    char err[512] = "";
    MUST(setresgid(HOST, HOST, HOST) == 0 && setresuid(HOST, HOST, HOST) == 0);
    host_open();
    MUST(asks("kpi.cdn_data") == ESPT_ALLOW);
    atomic_store(&warnings, 0); /* logged as well: this user may not count uses either */
    next_step();                /* edited, and unreadable */
    for (int i = 0; i < 3; i++) {
        MUST(plugin->refresh(ctx, err, sizeof err) == 0);
        MUST(strstr(err, "tiers.ini") != NULL && strstr(err, "ermission") != NULL);
        MUST(asks("kpi.cdn_data") == ESPT_ALLOW && asks("asn.all") == ESPT_DENY_METRIC);
        usleep(1100000); /* the check that runs by itself */
        MUST(asks("kpi.cdn_data") == ESPT_ALLOW && asks("asn.all") == ESPT_DENY_METRIC);
    }
    MUST(atomic_load(&warnings) == 1 && atomic_load(&notices) == 0);
    MUST(strstr(last_log, "the old tier table stays in force") != NULL);
    next_step(); /* readable again */
    MUST(plugin->refresh(ctx, err, sizeof err) == 1);
    MUST(asks("kpi.cdn_data") == ESPT_DENY_METRIC && asks("asn.all") == ESPT_ALLOW);
    MUST(atomic_load(&warnings) == 1 && atomic_load(&notices) == 1);
    host_teardown();
}

static void take_step(void)
{
    char byte;
    ck_assert_int_eq(read(steps[1], &byte, 1), 1);
}

static void step_taken(void)
{
    ck_assert_int_eq(write(steps[1], "", 1), 1);
}

START_TEST(unreadable_tier_table)
{
    int status;
    if (geteuid() != 0) {
        puts("SKIPPED unreadable_tier_table: another user needs root");
        return;
    }
    config = store_folder(&folder);
    char *table = strdup(in_folder(folder, "tiers.ini"));
    file_text(table, before);
    good = text_in(DO("entity", "add", "shop", "--kind", "customer"));
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chown(in_folder(folder, "tokens.mdb"), 0, HOST), 0);
    host_load();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, steps), 0);
    fflush(stdout);
    pid_t child = fork_child();
    if (child == 0) {
        close(steps[1]);
        live_as_host();
        _exit(0);
    }
    close(steps[0]);
    take_step();
    ck_assert_int_eq(chmod(table, 0600), 0);
    file_text(table, after);
    ck_assert_int_eq(chmod(table, 0600), 0);
    step_taken();
    take_step();
    ck_assert_int_eq(chmod(table, 0644), 0);
    step_taken();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "wait status %x", status);
    free(table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unreadable");
    TCase *tests = tcase_create("unreadable");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, unreadable_tier_table);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
