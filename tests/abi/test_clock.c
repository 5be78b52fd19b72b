/* SPDX-License-Identifier: ISC */
/* Edits with any modification time, and clocks that are set back: only the kernel's change time
   counts. The test counts checks and does not measure time: a call one second after the last check
   checks the files. */
#include "host.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define A_CHECK 1050000 /* microseconds after which the next call checks the files */

static _Atomic int64_t shift; /* seconds */
static struct text text;
static const char *tiers;

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *ret)
{
    if (syscall(SYS_clock_gettime, clock, ret) != 0)
        return -1;
    if (clock == CLOCK_REALTIME)
        ret->tv_sec += atomic_load(&shift);
    return 0;
}

static int sees(const char *metric)
{
    espt_result result;
    return validate_now(&text, metric, NULL, 0, &result) == ESPT_ALLOW;
}

static void setup(void)
{
    host_setup();
    tiers = in_folder(folder, "tiers.ini");
    text = text_in(DO("entity", "add", "shop", "--kind", "customer"));
    usleep(A_CHECK);
    ck_assert(sees("kpi.x") && !sees("asn.x"));
}

/* Renames another table into place, with the new metric and the given modification time. */
static void edit(const char *metric, time_t modified)
{
    char new_table[256];
    const char *aside = in_folder(folder, "tiers.new");
    snprintf(new_table, sizeof new_table,
             "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = kpi.* %s\n", metric);
    file_text(aside, new_table);
    const struct timespec times[2] = {{.tv_sec = modified}, {.tv_sec = modified}};
    ck_assert_int_eq(utimensat(AT_FDCWD, aside, times, 0), 0);
    ck_assert_int_eq(rename(aside, tiers), 0);
}

START_TEST(any_modification_time)
{
    const time_t now = time(NULL);
    edit("ahead.x", now + 3600);
    usleep(A_CHECK);
    ck_assert_int_eq(sees("ahead.x"), 1);
    edit("ancient.x", 1);
    usleep(A_CHECK);
    ck_assert_int_eq(sees("ancient.x"), 1);
    edit("far.x", 4000000000);
    usleep(A_CHECK);
    ck_assert_int_eq(sees("far.x"), 1);
    usleep(A_CHECK);
    ck_assert_int_eq(sees("far.x"), 1);
    ck_assert_int_eq(atomic_load(&notices), 3);
    ck_assert_int_eq(atomic_load(&warnings), 0);
}
END_TEST

/* A change time in the future counts as settled when two checks have seen the same signature. */
START_TEST(clock_set_back)
{
    atomic_store(&shift, -3600);
    edit("asn.x", 1);
    usleep(A_CHECK);
    ck_assert_int_eq(sees("asn.x"), 0);
    usleep(A_CHECK);
    ck_assert_int_eq(sees("asn.x"), 1);
    usleep(A_CHECK);
    ck_assert_int_eq(sees("asn.x"), 1);
    ck_assert_int_eq(atomic_load(&notices), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tests = tcase_create("times");
    tcase_add_checked_fixture(tests, setup, host_teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, any_modification_time);
    tcase_add_test(tests, clock_set_back);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
