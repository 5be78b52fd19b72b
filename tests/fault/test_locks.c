/* SPDX-License-Identifier: ISC */
/*
 * A wait for LMDB's own mutexes, in its lock file, has no time limit. So every process that locks
 * one holds the gate (flock on STORE-lock); others wait for the gate with a time limit, or use a
 * private copy.
 */
#include "fault/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct world world;
static int told;

static void setup(void)
{
    char number[32];
    world_make(&world);
    told = memfd_create("told", 0);
    ck_assert_int_ge(told, 0);
    snprintf(number, sizeof number, "%d", told);
    setenv("LOCKS_FD", number, 1);
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1); /* LOCKS comes before ASan */
}

/* How many mutexes the command locked; each while it held the gate. */
static unsigned locks_of(const char *const *argv)
{
    char path[600], said[4096] = "";
    unsigned count = 0;
    snprintf(path, sizeof path, "%s-lock", world.store);
    setenv("LOCKS_OF", path, 1);
    preload(LOCKS);
    struct run run = run_process(argv, NULL);
    preload(NULL);
    ck_assert_msg(run.status == 0, "%s: %s", argv[3], run.err);
    ck_assert_int_ge(pread(told, said, sizeof said - 1, 0), 0);
    ck_assert(ftruncate(told, 0) == 0 && lseek(told, 0, SEEK_SET) == 0);
    ck_assert_msg(strstr(said, "OUT") == NULL, "%s %s: %s", argv[3], argv[4], said);
    for (const char *at = said; (at = strstr(at, "in ")) != NULL; at++)
        count++;
    return count;
}

START_TEST(writers_hold_the_gate)
{
    for (size_t i = 0; i < writer_count; i++) {
        world_reset(&world);
        ck_assert_msg(locks_of(world_argv(&world, writers[i].args)) > 1, "%s", writers[i].name);
    }
}
END_TEST

START_TEST(readers_hold_the_gate)
{
    static const char *const readers[][3] = {{"list"},   {"check"},         {"log"},
                                             {"export"}, {"log", "verify"}, {"stats"}};
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        ck_assert_uint_gt(locks_of(world_argv(&world, readers[i])), 0);
}
END_TEST

/* Replaces the store with one of the previous schema. */
START_TEST(upgrade_holds_the_gate)
{
    size_t len;
    const char *old = file_read("tests/fixtures/schema1/tokens.mdb", &len);
    ck_assert_ptr_nonnull(old);
    world_reset(&world);
    file_write(world.store, old, len, 0640);
    ck_assert_uint_gt(locks_of(world_argv(&world, (const char *const[]){"upgrade", NULL})), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("locks");
    TCase *tests = tcase_create("locks");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, writers_hold_the_gate);
    tcase_add_test(tests, readers_hold_the_gate);
    tcase_add_test(tests, upgrade_holds_the_gate);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
