/* SPDX-License-Identifier: ISC */
/* The file of links and sessions when it is full, too large, or locked by another process. */
#include "portal/passes.h"
#include "support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NOW 1000
#define IDLE 100

static struct config config;
static const char *path;

static void setup(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* each of thousands of passes is synced */
    snprintf(config.store, sizeof config.store, "%s", in_folder(temp_folder(), "tokens.mdb"));
    file_write(config.store, "", 0, 0600);
    path = keep_string(strcat(strcpy(malloc(strlen(config.store) + 8), config.store), ".portal"));
}

static struct pass new_pass(int64_t ends)
{
    char secret[PASS_SECRET_SIZE];
    struct pass pass = {.kind = PASS_LINK, .created = 1, .used = 1, .ends = ends, .entity = "acme"};
    pass_draw(&pass, secret);
    return pass;
}

START_TEST(full)
{
    struct passes *passes;
    struct espt_error err = {0};
    ck_assert_int_eq(passes_open(&passes, &config, &err), 0);
    for (size_t i = 0; i < PASSES_MAX; i++) {
        const struct pass pass = new_pass(i == 77 ? NOW + 1 : NOW + 1000);
        ck_assert_int_eq(passes_add(passes, &pass, IDLE, NOW, &err), 0);
    }
    const struct pass more = new_pass(NOW + 1000);
    ck_assert_int_eq(passes_add(passes, &more, IDLE, NOW, &err), ESPT_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "there are 8192 sign-in links and sessions"));
    ck_assert_int_eq(passes_add(passes, &more, IDLE, NOW + 2, &err), 0); /* one has ended */
    passes_close(passes);
}
END_TEST

START_TEST(too_large)
{
    struct passes *passes;
    struct espt_error err = {0};
    file_write(path, "", 0, 0600);
    ck_assert_int_eq(truncate(path, 256L * (PASSES_MAX + 2)), 0);
    ck_assert_int_eq(passes_open(&passes, &config, &err), ESPT_UNUSABLE);
    ck_assert_ptr_nonnull(strstr(err.message, "not a file of sign-in links and sessions"));
}
END_TEST

START_TEST(locked)
{
    struct passes *passes;
    struct espt_error err = {0};
    ck_assert_int_eq(passes_open(&passes, &config, &err), 0);
    const int other = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(flock(other, LOCK_EX), 0);
    const struct pass pass = new_pass(NOW + 1000);
    ck_assert_int_eq(passes_add(passes, &pass, IDLE, NOW, &err), ESPT_UNUSABLE);
    ck_assert_ptr_nonnull(strstr(err.message, "another process keeps the file locked"));
    close(other);
    ck_assert_int_eq(passes_add(passes, &pass, IDLE, NOW, &err), 0);
    passes_close(passes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("passes");
    TCase *tests = tcase_create("passes");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, full);
    tcase_add_test(tests, too_large);
    tcase_add_test(tests, locked);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
