/* SPDX-License-Identifier: ISC */
/* Someone replaces the store with an older copy. A host that has answered from one state never
   answers from a state of a lower revision (specification §5.8). */
#include "host.h"

#include <sys/stat.h>

#define REOPEN_MS 1600 /* the files are checked once a second */

static struct text text;
static const char *store, *copy, *newer;

static void setup(void)
{
    host_setup();
    store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    copy = keep_string(strdup(in_folder(folder, "copy.mdb")));
    newer = keep_string(strdup(in_folder(folder, "newer.mdb")));
    text = text_in(DO("entity", "add", "shop", "--kind", "customer", "--tier", "advanced"));
}

static void copy_store(const char *to)
{
    size_t len;
    const char *bytes = file_read(store, &len);
    file_write(to, bytes, len, 0640);
}

static void swap_in(const char *file)
{
    ck_assert_int_eq(rename(file, store), 0);
}

/* Validates for REOPEN_MS: the status is never `never`, and at the end it is `last`. */
static void busy_without(int never, int last)
{
    for (int64_t end = clock_ms() + REOPEN_MS; clock_ms() < end; usleep(2000))
        ck_assert_int_ne(verdict(&text), never);
    ck_assert_int_eq(verdict(&text), last);
}

START_TEST(an_older_copy_never_answers)
{
    char err[1024] = "";
    espt_result result;
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    copy_store(copy);
    DO("entity", "edit", "shop", "--status", "inactive");
    ck_assert_int_eq(verdict(&text), ESPT_DENY_SUSPENDED);
    copy_store(newer);
    atomic_store(&warnings, 0);
    swap_in(copy);
    busy_without(ESPT_ALLOW, ESPT_ERR_UNAVAILABLE);
    ck_assert_int_eq(atomic_load(&warnings), 1);
    ck_assert_msg(strstr(last_log, "older than revision") != NULL, "%s", last_log);
    ck_assert_int_eq(validate_now(&text, NULL, NULL, 0, &result), ESPT_ERR_UNAVAILABLE);
    ck_assert_uint_eq(result.revision, 0);
    ck_assert_str_eq(result.entity, "");
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    ck_assert_msg(strstr(err, "tokens.mdb") != NULL && strstr(err, "older than revision") != NULL,
                  "%s", err);
    swap_in(newer);
    busy_without(ESPT_ALLOW, ESPT_DENY_SUSPENDED);
    DO("entity", "edit", "shop", "--status", "active");
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
}
END_TEST

/* The older copy does not even answer for an unknown text, and not after a reopen either. */
START_TEST(an_older_copy_denies_nothing)
{
    struct text unknown = text;
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    copy_store(copy);
    unknown = text_in(DO("create", "shop", "late", "-q"));
    ck_assert_int_eq(verdict(&unknown), ESPT_ALLOW);
    for (int round = 0; round < 2; round++) {
        copy_store(newer);
        swap_in(copy);
        ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 0);
        ck_assert_int_eq(verdict(&unknown), ESPT_ERR_UNAVAILABLE);
        copy_store(copy);
        swap_in(newer);
        ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
        ck_assert_int_eq(verdict(&unknown), ESPT_ALLOW);
    }
}
END_TEST

/* `restore` makes no older copy: the revision rises. */
START_TEST(a_restore_answers)
{
    const char *backup = keep_string(strdup(in_folder(folder, "backup")));
    DO("backup", backup);
    DO("entity", "edit", "shop", "--status", "inactive");
    ck_assert_int_eq(verdict(&text), ESPT_DENY_SUSPENDED);
    DO("restore", backup, "--yes");
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("older store");
    TCase *tcase = tcase_create("older store");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, host_teardown);
    tcase_add_test(tcase, an_older_copy_never_answers);
    tcase_add_test(tcase, an_older_copy_denies_nothing);
    tcase_add_test(tcase, a_restore_answers);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
