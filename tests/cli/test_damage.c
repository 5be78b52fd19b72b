/* SPDX-License-Identifier: ISC */
/* Files that are not stores, damaged stores, and one store under two names. */
#include "cli/drive.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *config, *folder, *store;

static void setup(void)
{
    config = populated(&folder);
    store = strdup(in_folder(folder, "tokens.mdb"));
}

/* Asserts one line on standard error, status 5 and no signal. */
static void is_told(struct run run)
{
    ck_assert_msg(run.status == 5, "status %d: %s", run.status, run.err);
    ck_assert_uint_eq(strcspn(run.err, "\n") + 1, strlen(run.err));
}

static void all_are_told(void)
{
    is_told(CTL(config, NULL, "list"));
    is_told(CTL(config, NULL, "check"));
    is_told(CTL(config, NULL, "create", "acme", "x"));
    is_told(CTL(config, NULL, "--json", "entity", "list"));
}

/* AddressSanitizer catches a crash of liblmdb before the command can report it. */
#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* A file that is not a store is not changed. */
START_TEST(a_file_of_another_kind)
{
    static const char *const others[] = {"", "x", "[lite]\nrank = 10\n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        file_write(store, others[i], strlen(others[i]), 0640);
        all_are_told();
        ck_assert_str_eq(file_read(store, NULL), others[i]);
    }
}
END_TEST

START_TEST(a_file_that_was_cut)
{
    size_t len;
    char *bytes = file_read(store, &len);
    for (size_t cut = len - 4096; cut >= 8192; cut -= 4096) {
        file_write(store, bytes, cut, 0640);
        struct run run = CTL(config, NULL, "check");
        ck_assert_msg(run.status == 5 || run.status == 1 || run.status == 0, "%d", run.status);
        ck_assert_int_lt(CTL(config, NULL, "list").status, 6);
    }
    file_write(store, bytes, 8192, 0640);
    is_told(CTL(config, NULL, "list"));
    is_told(CTL(config, NULL, "check"));
}
END_TEST

/* Pages of noise: whatever liblmdb does with them, the command ends with a message. */
START_TEST(a_file_of_noise)
{
    size_t len;
    char *bytes = file_read(store, &len);
    unsigned seed = 7;
    for (int round = 0; round < 40; round++) {
        char *noisy = malloc(len);
        ck_assert_ptr_nonnull(noisy);
        memcpy(noisy, bytes, len);
        for (size_t i = 8192; i < len; i++) {
            seed = seed * 1103515245 + 12345;
            if (round < 20 || (seed >> 16) % 100 == 0)
                noisy[i] = (char)(seed >> 8);
        }
        file_write(store, noisy, len, 0640);
        int status = CTL(config, NULL, "check").status;
        ck_assert_msg(status == 5 || status == 1, "check: %d in round %d", status, round);
        status = CTL(config, NULL, "list").status;
        ck_assert_msg(status == 5 || status == 0, "list: %d in round %d", status, round);
        free(noisy);
    }
}
END_TEST

static pid_t creates(const char *by, const char *prefix)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%d", prefix, i);
        if (CTL(by, NULL, "create", "acme", name).status != 0)
            _exit(1);
    }
    _exit(0);
}

/* Two writers open one store by different names: they share the locks. */
START_TEST(a_link_is_the_same_store)
{
    const char *other = temp_folder();
    char text[1024];
    static const char *const beside[] = {"reveal.pub", "reveal.key"};
    for (size_t i = 0; i < 2; i++) {
        char *to = strdup(in_folder(other, beside[i]));
        ck_assert_int_eq(symlink(in_folder(folder, beside[i]), to), 0);
        free(to);
    }
    const char *tiers = "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\n"
                        "[advanced]\nrank = 20\nmax_tokens = unlimited\n";
    file_text(in_folder(folder, "tiers.ini"), tiers);
    file_text(in_folder(other, "tiers.ini"), tiers);
    char *link_path = strdup(in_folder(other, "tokens.mdb"));
    ck_assert_int_eq(symlink(store, link_path), 0);
    snprintf(text, sizeof text, "[store]\npath = tokens.mdb\n[tiers]\npath = tiers.ini\n");
    char *by_link = strdup(in_folder(other, "esp-token.conf"));
    file_text(by_link, text);
    pid_t a = creates(config, "a"), b = creates(by_link, "b");
    int status;
    waitpid(a, &status, 0);
    ck_assert_int_eq(status, 0);
    waitpid(b, &status, 0);
    ck_assert_int_eq(status, 0);
    json_t *json = done(CTL(config, NULL, "--json", "entity", "show", "acme"));
    ck_assert_int_eq(json_integer_value(json_object_get(json, "tokens")), 81);
    json_decref(json);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    ck_assert_int_ne(access(in_folder(other, "tokens.mdb-lock"), F_OK), 0);
    free(by_link);
    free(link_path);
}
END_TEST

START_TEST(a_hard_link_is_refused)
{
    char *other = strdup(in_folder(folder, "second.mdb"));
    ck_assert_int_eq(link(store, other), 0);
    struct run run = CTL(config, NULL, "list");
    is_told(run);
    ck_assert_ptr_nonnull(strstr(run.err, "hard links"));
    unlink(other);
    ck_assert_int_eq(CTL(config, NULL, "list").status, 0);
    free(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("damage");
    TCase *tcase = tcase_create("files");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_file_of_another_kind);
    if (!SANITIZED) {
        tcase_add_test(tcase, a_file_that_was_cut);
        tcase_add_test(tcase, a_file_of_noise);
    }
    tcase_add_test(tcase, a_link_is_the_same_store);
    tcase_add_test(tcase, a_hard_link_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
