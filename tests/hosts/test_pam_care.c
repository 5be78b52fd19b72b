/* SPDX-License-Identifier: ISC */
/* pam_esp_token.so prompts as PAM specifies, leaves no secret in memory, and uses no more memory or
   descriptors with each login. */
#include "hosts/pam_host.h"

#include <dirent.h>
#include <malloc.h>
#include <sys/wait.h>

/* Stores the token with every bit inverted, so that the test itself contains no copy. */
static char veiled[54];

static void lift(char *ret_text)
{
    for (size_t i = 0; i < sizeof veiled; i++)
        ret_text[i] = (char)~veiled[i];
    ret_text[sizeof veiled] = '\0';
}

/* A child does this, so that its copies end with its memory. */
static void make_entity(void)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork_child();
    if (child == 0) {
        struct run run = CTL(config, NULL, "entity", "add", "acme", "--kind", "customer");
        const char *text = run.status == 0 ? strstr(run.out, "esptk_") : NULL;
        for (size_t i = 0; text != NULL && i < sizeof veiled; i++)
            veiled[i] = (char)~text[i];
        _exit(text == NULL || write(ends[1], veiled, sizeof veiled) != sizeof veiled);
    }
    ck_assert_int_eq(read(ends[0], veiled, sizeof veiled), sizeof veiled);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
}

static void setup(void)
{
    config = store_folder(&folder);
    services = temp_folder();
    make_entity();
    service("plain", "auth required @\naccount required @\n");
}

/* Counts copies of the token's secret in the writable memory of this process. */
static int copies(void)
{
    enum { FROM = 18, LEN = 36 };
    char line[256];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3 || rights[1] != 'w')
            continue;
        for (const char *at = (const char *)from; at + LEN <= (const char *)to; at++) {
            int i = 0;
            while (i < LEN && at[i] == (char)~veiled[FROM + i])
                i++;
            found += i == LEN;
        }
    }
    fclose(maps);
    return found;
}

static int converse_lifted(int count, const struct pam_message **messages,
                           struct pam_response **ret_responses, void *arg)
{
    (void)count, (void)messages, (void)arg;
    *ret_responses = calloc(1, sizeof **ret_responses);
    (*ret_responses)->resp = malloc(sizeof veiled + 1);
    lift((*ret_responses)->resp);
    return PAM_SUCCESS;
}

static void begin_lifted(const char *name)
{
    const struct pam_conv conversation = {.conv = converse_lifted};
    logged[0] = '\0';
    ck_assert_int_eq(pam_start_confdir(name, "acme", &conversation, services, &pam), PAM_SUCCESS);
}

START_TEST(the_token_is_kept_once_and_wiped)
{
    ck_assert_int_eq(copies(), 0);
    begin_lifted("plain");
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(copies(), 1);
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(copies(), 1);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(copies(), 1);
    login_end();
    ck_assert_int_eq(copies(), 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--status", "inactive").status, 0);
    begin_lifted("plain");
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_PERM_DENIED);
    ck_assert_int_eq(copies(), 0);
    login_end();
}
END_TEST

static int open_files(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static void log_in(int expected)
{
    begin_lifted("plain");
    ck_assert_int_eq(pam_authenticate(pam, 0), expected);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0),
                     expected == PAM_SUCCESS ? expected : PAM_CRED_INSUFFICIENT);
    login_end();
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* mallinfo2() counts what malloc caches for the thread as used, which drifts by some hundred bytes,
   also after the first logins. The smallest allocation takes 32 bytes, so one that each login leaks
   is 32 bytes times the logins. The bound is half of that. */
static void log_in_often(int times, int expected)
{
    enum { SMALLEST = 32 };
    for (int i = 0; i < 200; i++)
        log_in(expected);
    size_t bytes = heap_bytes();
    int files = open_files();
    for (int i = 0; i < times; i++)
        log_in(expected);
    ck_assert_int_eq(open_files(), files);
    ck_assert_uint_lt(heap_bytes(), bytes + (size_t)times * SMALLEST / 2);
}

START_TEST(ten_thousand_logins_leave_nothing)
{
    log_in_often(10000, PAM_SUCCESS);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--status", "inactive").status, 0);
    log_in_often(1000, PAM_PERM_DENIED);
    file_text(in_folder(folder, "tiers.ini"), "broken");
    log_in_often(1000, PAM_AUTHINFO_UNAVAIL);
}
END_TEST

START_TEST(a_login_in_a_forked_child)
{
    begin_lifted("plain");
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    pid_t child = fork_child();
    if (child == 0) {
        int code = pam_acct_mgmt(pam, 0);
        pam_end(pam, code | PAM_DATA_SILENT);
        _exit(code == PAM_SUCCESS && copies() == 0 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
    login_end();
}
END_TEST

/* Presents `first` and then `second`, and checks the number of prompts. */
static int stacked(const char *name, const char *first, const char *second, int asked)
{
    login_begin(name, "acme");
    answers[0] = first;
    answers[1] = second;
    int code = pam_authenticate(pam, 0);
    ck_assert_int_eq(prompts, asked);
    login_end();
    return code;
}

START_TEST(an_earlier_password_is_used_as_written)
{
    char good[sizeof veiled + 1];
    lift(good);
    service("use", "auth optional @\nauth required @ use_first_pass\n");
    ck_assert_int_eq(stacked("use", good, NULL, 1), PAM_SUCCESS);
    ck_assert_int_eq(stacked("use", "wrong", good, 1), PAM_AUTH_ERR);
    service("try", "auth optional @\nauth required @ try_first_pass\n");
    ck_assert_int_eq(stacked("try", good, NULL, 1), PAM_SUCCESS);
    ck_assert_int_eq(stacked("try", "wrong", good, 2), PAM_SUCCESS);
    ck_assert_int_eq(stacked("try", "wrong", "wrong", 2), PAM_AUTH_ERR);
    service("twice", "auth optional @\nauth required @\n");
    ck_assert_int_eq(stacked("twice", "wrong", good, 2), PAM_SUCCESS);
    ck_assert_int_eq(stacked("twice", good, "wrong", 2), PAM_AUTH_ERR);
    service("first", "auth required @ use_first_pass\n");
    ck_assert_int_eq(stacked("first", good, NULL, 0), PAM_CRED_INSUFFICIENT);
    ck_assert_msg(says("no earlier module"), "%s", logged);
    service("asked", "auth required @ try_first_pass\n");
    ck_assert_int_eq(stacked("asked", good, NULL, 1), PAM_SUCCESS);
    /* a known token that is refused causes no second prompt */
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--status", "inactive").status, 0);
    ck_assert_int_eq(stacked("try", good, good, 1), PAM_PERM_DENIED);
}
END_TEST

START_TEST(a_conversation_that_fails)
{
    char good[sizeof veiled + 1];
    lift(good);
    ck_assert_int_eq(auth("plain", "acme", NULL), PAM_CONV_ERR); /* an answer without a text */
    conversation_code = PAM_CONV_ERR;
    ck_assert_int_eq(auth("plain", "acme", good), PAM_CONV_ERR);
    ck_assert_int_eq(auth("plain", NULL, good), PAM_CONV_ERR);
    conversation_code = PAM_CONV_AGAIN;
    login_begin("plain", "acme");
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_INCOMPLETE);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_ABORT);
    conversation_code = PAM_SUCCESS;
    answers[0] = good;
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
    login_end();
}
END_TEST

START_TEST(a_token_typed_as_the_user_is_not_logged)
{
    char good[sizeof veiled + 1];
    lift(good);
    ck_assert_int_eq(auth("plain", good, "wrong"), PAM_AUTH_ERR); /* auth() searches the log */
    ck_assert_int_eq(auth("plain", good, good), PAM_AUTH_ERR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pam_care");
    TCase *tcase = tcase_create("care");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, the_token_is_kept_once_and_wiped);
    tcase_add_test(tcase, ten_thousand_logins_leave_nothing);
    tcase_add_test(tcase, a_login_in_a_forked_child);
    tcase_add_test(tcase, an_earlier_password_is_used_as_written);
    tcase_add_test(tcase, a_conversation_that_fails);
    tcase_add_test(tcase, a_token_typed_as_the_user_is_not_logged);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
