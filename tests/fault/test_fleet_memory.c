/* SPDX-License-Identifier: ISC */
/*
 * The commands of a fleet, with each of their allocations and C library calls failing in turn. A
 * failure is reported, the store stays what the fleet has signed, and the next command works.
 */
#include "fault/failing.h"
#include "fault/step.h"
#include "fleet/members.h"

#include <stdio.h>

/* Each can be run again and again. An argument @ is another text each time. */
static const struct {
    int site;
    const char *args[8];
} commands[] = {
    {0, {"edit", "shop/default", "--note", "@"}},
    {0, {"rotate", "shop/default", "--overlap", "0", "-q"}},
    {0, {"--json", "list"}},
    {0, {"stats"}},
    {0, {"fleet", "key"}},
    {0, {"--json", "fleet", "key"}},
    {0, {"fleet", "site", "list"}},
    {0, {"--json", "fleet", "site", "list"}},
    {0, {"--json", "fleet", "edge", "list"}},
    {0, {"fleet", "status"}},
    {0, {"--json", "fleet", "status"}},
    {0, {"fleet", "status", "--prometheus"}},
    {0, {"fleet", "check"}},
    {0, {"--json", "fleet", "check"}},
    {0, {"fleet", "refill"}},
    {0, {"usage", "fold"}},
    {0, {"tier", "publish", "--yes"}},
    {0, {"--json", "tier", "pull", "--yes"}},
    {1, {"fleet", "join", "--yes"}},
    {1, {"--json", "fleet", "join", "--yes"}},
    {1, {"--json", "list"}},
};

static struct fleet_of fleet;
static const char *kept; /* how it was made */

/* Once; each test begins with a copy. */
static void make_fleet(void)
{
    fleet_begin(&fleet, 2);
    DONE(fleet.site[0], "entity", "add", "shop", "--kind", "customer");
    DONE(fleet.site[0], "tier", "publish", "--yes");
    DONE(fleet.site[1], "tier", "pull", "--yes");
    kept = temp_folder();
    fleet_copy(&fleet, 2, kept, false);
}

/* esp-tokenctl -c CONFIG and the words. */
static const char *const *argv_of(const struct member *site, const char *const *args,
                                  unsigned long at)
{
    static const char *argv[16];
    static char text[32];
    size_t count = 0;
    argv[count++] = OUT "/esp-tokenctl";
    argv[count++] = "-c";
    argv[count++] = site->config;
    snprintf(text, sizeof text, "call %lu", at);
    for (; *args != NULL; args++)
        argv[count++] = strcmp(*args, "@") == 0 ? text : *args;
    argv[count] = NULL;
    return argv;
}

/* 6: after the journal was asked to append, it may not be known whether it did. */
static void check_outcome(const struct run *run, const char *failed, unsigned long at)
{
    ck_assert_msg(run->status == 0 || (run->status >= 4 && run->status <= 6),
                  "status %d with %s (call %lu) failing: %s", run->status, failed, at, run->err);
    if (run->status != 0)
        ck_assert_msg(strstr(run->err, "esp-tokenctl: ") != NULL ||
                          strstr(run->err, "{\"error\":") != NULL ||
                          strstr(failed, "write") != NULL,
                      "no message with %s (call %lu) failing: %s", failed, at, run->err);
}

START_TEST(each_call_fails)
{
    const struct member *site = &fleet.site[commands[_i].site];
    const char *failed = "";
    unsigned long at = 1 + (unsigned long)_i % fault_step();
    fleet_copy(&fleet, 2, kept, true);
    do {
        struct run run = run_failing(argv_of(site, commands[_i].args, at), NULL, at, &failed);
        check_outcome(&run, failed, at);
        fleet_is_whole(site);
        at += fault_step();
    } while (failed[0] != '\0');
    DONE(fleet.site[0], "edit", "shop/default", "--note", "last");
    fleet_same(&fleet, 0, 1);
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("test_memory looks for leaks; the shim cannot stand before every allocator");
    return 77;
#endif
    setenv("LC_ALL", "C", 1);
    Suite *suite = suite_create("fleet memory");
    TCase *tests = tcase_create("fleet memory");
    tcase_add_unchecked_fixture(tests, make_fleet, NULL);
    tcase_set_timeout(tests, 900);
    tcase_add_loop_test(tests, each_call_fails, 0, sizeof commands / sizeof *commands);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
